-- Writes tombstones: each key says "ended" for the milliseconds given with it.
--
-- KEYS  what has ended        ARGV  for how long to say so, one for each key
--
-- A Redis that is full refuses to remember anything new, but it still deletes, and it lets a
-- script that has begun to write go on. So the DEL comes first: with it, the tombstone fits
-- even then. A tombstone that is there already is never deleted and never shortened.
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
