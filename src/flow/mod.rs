//! Floor 0: the words every other floor speaks. Values only: no I/O, no clock, no global, no knowledge of any protocol,
//! policy or detector.

pub mod connection;
pub mod evidence;
pub mod exception;
pub mod fuel;
pub mod id_pattern;
pub mod judgement;
pub mod leak;
pub mod leaving;
pub mod message;
pub mod mode;
pub mod names;
mod outcome;
pub mod peer;
pub mod rate;
pub mod reason;
pub mod scene;
pub mod sensitivity;

pub use connection::{ClientAddr, Connection, ConnectionId, Direction, OriginalDestination};
pub use evidence::{Evidence, Excerpt, Found, Hit, Weight};
pub use exception::Exception;
pub use fuel::{Empty, Fuel};
pub use id_pattern::{Expected, IdPattern, InvalidPattern};
pub use judgement::{About, Cut, Denial, Effect, Grant, Judgement, Proof, RuleName, Terms, Verdict};
pub use leak::{Leak, Reaction, Watch};
pub use leaving::{Action, Budget, Leaving};
pub use message::{Access, Chain, Extent, Fact, FactKind, Layer, Message, Part, Place, Side};
pub use mode::Mode;
pub use names::{Name, Names};
pub use outcome::Outcome;
pub use peer::{Identity, InvalidSpiffeId, Peer, SpiffeId, check_trust_domain};
pub use rate::{Allowance, Pace, Rate};
pub use reason::{Kind, Reason};
pub use scene::{Now, Past, Scene, Session};
pub use sensitivity::Sensitivity;
