//! Started wrongly, the program says what to do.

api_conformance::usage_suite!(crate::PROGRAM);
