//! The contents of Redis, for checks that search for secrets.

use super::{RedisProbe, all_keys, ask};
use grader::CheckError;
use redis::{Value, cmd};

impl RedisProbe<'_> {
    /// Each key with its values.
    pub(crate) async fn contents(&self) -> Result<Vec<(String, String)>, CheckError> {
        let mut redis = self.connect().await?;
        let mut contents = Vec::new();
        for key in all_keys(&mut redis).await? {
            let kind: String = ask(&mut redis, cmd("TYPE").arg(&key)).await?;
            let (command, range): (_, &[i64]) = match kind.as_str() {
                "string" => ("GET", &[]),
                "hash" => ("HGETALL", &[]),
                "set" => ("SMEMBERS", &[]),
                "list" => ("LRANGE", &[0, -1]),
                "zset" => ("ZRANGE", &[0, -1]),
                // The key has expired, or has a type that no exercise needs.
                _ => continue,
            };
            let value: Value = ask(&mut redis, cmd(command).arg(&key).arg(range)).await?;
            let key = String::from_utf8_lossy(&key).into_owned();
            contents.push((key, texts(value).join(" ")));
        }
        Ok(contents)
    }
}

fn texts(value: Value) -> Vec<String> {
    match value {
        Value::BulkString(bytes) => vec![String::from_utf8_lossy(&bytes).into_owned()],
        Value::SimpleString(text) => vec![text],
        Value::Int(number) => vec![number.to_string()],
        Value::Array(values) | Value::Set(values) => {
            values.into_iter().flat_map(texts).collect()
        }
        Value::Map(pairs) => pairs
            .into_iter()
            .flat_map(|(name, value)| [texts(name), texts(value)].concat())
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_utf8_value_does_not_hide_other_values() {
        let bulk = |bytes: &[u8]| Value::BulkString(bytes.to_vec());
        let all = Value::Array(vec![bulk(b"\xff"), bulk(b"token"), Value::Int(7)]);
        assert_eq!(texts(all), ["\u{fffd}", "token", "7"]);
        assert_eq!(texts(Value::Map(vec![(bulk(b"a"), bulk(b"b"))])), ["a", "b"]);
    }
}
