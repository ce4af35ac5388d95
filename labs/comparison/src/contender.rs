//! The five designs that are compared.

pub use api_contract::design::Design as Contender;
