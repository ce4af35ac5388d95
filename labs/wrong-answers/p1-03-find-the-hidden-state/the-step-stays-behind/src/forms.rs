//! A form in three steps: name, address, confirmation. This is one of your files.
//!
//! Each step returns a text, and the client sends it along with the next step. What is in
//! it is for you to say.

use crate::shared::Shared;
use std::collections::HashSet;
use std::sync::Mutex;

/// A form that has been filled in.
#[derive(Debug)]
pub struct Order {
    pub name: String,
    pub address: String,
}

/// The step before this one has not been done.
#[derive(Debug)]
pub struct OutOfOrder;

/// Leads customers through the form.
#[derive(Debug)]
pub struct Forms {
    shared: Shared,
    addressed: Mutex<HashSet<String>>,
}

impl Forms {
    pub fn new(shared: Shared) -> Self {
        Self { shared, addressed: Mutex::default() }
    }

    pub async fn start(&self, name: String) -> String {
        let id = random_id();
        self.shared.put(&format!("name {id}"), &name).await;
        id
    }

    pub async fn add_address(
        &self,
        form: &str,
        address: String,
    ) -> Result<String, OutOfOrder> {
        self.shared.get(&format!("name {form}")).await.ok_or(OutOfOrder)?;
        self.shared.put(&format!("address {form}"), &address).await;
        self.addressed.lock().unwrap().insert(form.to_owned());
        Ok(form.to_owned())
    }

    pub async fn confirm(&self, form: &str) -> Result<Order, OutOfOrder> {
        if !self.addressed.lock().unwrap().contains(form) {
            return Err(OutOfOrder);
        }
        let name = self.shared.get(&format!("name {form}")).await.ok_or(OutOfOrder)?;
        let address = self.shared.get(&format!("address {form}")).await;
        Ok(Order { name, address: address.ok_or(OutOfOrder)? })
    }
}

/// 128 bits from the operating system's generator, in hex.
fn random_id() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system's generator works");
    format!("{:032x}", u128::from_be_bytes(bytes))
}
