//! Invalid command lines are refused with advice.

api_conformance::usage_suite!(crate::PROGRAM);
