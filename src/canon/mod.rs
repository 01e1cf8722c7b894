//! Floor 0: the true spellings of hostile text.

pub mod encodings;
pub mod nested;
pub mod sql;
pub mod text;
