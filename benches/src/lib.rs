//! Measurements that a sceptic can run again, one file a question. See `benches/`.
