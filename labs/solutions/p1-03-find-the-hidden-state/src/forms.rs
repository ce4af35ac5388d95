//! A form in three steps: name, address, confirmation.
//!
//! The text that the client sends back is the form itself. A customer may enter any data,
//! so a forged form is harmless and needs no signature. A price would need one.

use crate::shared::Shared;
use serde::{Deserialize, Serialize};

/// A complete form.
#[derive(Debug)]
pub struct Order {
    pub name: String,
    pub address: String,
}

/// Error: the preceding step is missing.
#[derive(Debug)]
pub struct OutOfOrder;

/// An incomplete form.
#[derive(Debug, Deserialize, Serialize)]
struct Form {
    name: String,
    address: Option<String>,
}

/// The form. It stores nothing in the server.
#[derive(Debug)]
pub struct Forms;

impl Forms {
    pub fn new(_shared: Shared) -> Self {
        Self
    }

    pub async fn start(&self, name: String) -> String {
        Form { name, address: None }.text()
    }

    pub async fn add_address(
        &self,
        form: &str,
        address: String,
    ) -> Result<String, OutOfOrder> {
        let Form { name, .. } = Form::read(form)?;
        Ok(Form { name, address: Some(address) }.text())
    }

    /// The fields show which steps were done.
    pub async fn confirm(&self, form: &str) -> Result<Order, OutOfOrder> {
        let Form { name, address } = Form::read(form)?;
        Ok(Order { name, address: address.ok_or(OutOfOrder)? })
    }
}

impl Form {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("a form is JSON")
    }

    /// Parses a form from a client, which may be any text.
    fn read(text: &str) -> Result<Self, OutOfOrder> {
        serde_json::from_str(text).map_err(|_| OutOfOrder)
    }
}
