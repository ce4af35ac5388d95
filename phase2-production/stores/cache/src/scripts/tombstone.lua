-- Writes tombstones: each key holds "ended" for its number of milliseconds.
--
-- KEYS  the keys        ARGV  the time to live in milliseconds of each key
--
-- A full Redis refuses new data, but still deletes, and lets a script continue that has
-- started to write. So DEL comes first: after it the tombstone is accepted even then. An
-- existing tombstone is never deleted and never shortened.
for i, key in ipairs(KEYS) do
  local ttl = tonumber(ARGV[i])
  if redis.call('GET', key) == 'ended' then
    if redis.call('PTTL', key) < ttl then
      redis.call('PEXPIRE', key, ttl)
    end
  else
    redis.call('DEL', key)
    redis.call('PSETEX', key, ttl, 'ended')
  end
end
