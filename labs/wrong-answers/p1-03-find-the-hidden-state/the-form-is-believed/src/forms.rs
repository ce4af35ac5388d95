//! A form in three steps: name, address, confirmation.
//!
//! The text that goes back and forth is the form itself. Whoever writes one by hand has
//! filled in the form, as everybody may; nothing in it is decided by us, so it needs no
//! signature. A price would.

use crate::shared::Shared;
use serde::{Deserialize, Serialize};

/// A form that has been filled in.
#[derive(Debug)]
pub struct Order {
    pub name: String,
    pub address: String,
}

/// The step before this one has not been done.
#[derive(Debug)]
pub struct OutOfOrder;

/// A form that is being filled in.
#[derive(Debug, Deserialize, Serialize)]
struct Form {
    name: String,
    address: Option<String>,
}

/// Leads customers through the form. Remembers nothing.
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

    pub async fn confirm(&self, form: &str) -> Result<Order, OutOfOrder> {
        let Form { name, address } = Form::read(form)?;
        Ok(Order { name, address: address.unwrap_or_default() })
    }
}

impl Form {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("a form is JSON")
    }

    /// It comes from outside, and may be anything.
    fn read(text: &str) -> Result<Self, OutOfOrder> {
        serde_json::from_str(text).map_err(|_| OutOfOrder)
    }
}
