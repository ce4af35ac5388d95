//! A migration that is added is compiled in, although no line of Rust names it.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
