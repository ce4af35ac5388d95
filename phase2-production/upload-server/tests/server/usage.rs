//! Wrong flags: the program exits with advice.

api_conformance::usage_suite!(crate::PROGRAM);
