//! Floor 0: the true spellings of hostile text. Each file undoes one way of writing the same thing differently, and
//! says what it refuses. Bytes in, text out; no I/O, no state.

pub mod cards;
pub mod cursor;
pub mod encodings;
pub mod host;
pub mod lexicon;
pub mod nested;
pub mod path;
pub mod percent;
pub mod shell;
pub mod sql;
pub mod text;
