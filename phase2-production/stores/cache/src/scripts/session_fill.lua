-- Caches a session that was read from the database, unless a newer state is known.
--
-- KEYS  the session, the key with the time since which this Redis has kept its data
-- ARGV  the value, its remaining idle time in milliseconds, its version,
--       the time of the read (Redis' clock, microseconds, from session_get.lua),
--       its absolute end (milliseconds since 1970), the Redis whose clock timed the read
-- Returns "stored", or the reason for a refusal: "ended", "known", "late", "over".
--
-- This prevents a race: a reader misses here and reads a live session from the database; the
-- session is ended, in the database and here; the slow reader then fills the outdated copy. A
-- tombstone wins over any fill. If the tombstone was lost because Redis was flushed, a copy
-- that was read before the flush is too late. Times of two Redis servers are not compared: of
-- two copies of one version the new one replaces one that another server timed.
local time = redis.call('TIME')
local now = math.floor((time[1] * 1000000 + time[2]) / 1000)
local version, read_at = tonumber(ARGV[3]), tonumber(ARGV[4])

local since = redis.call('GET', KEYS[2])
if not since or tonumber(since) > read_at then
  return 'late'
end

local left = tonumber(ARGV[2])
local value = redis.call('GET', KEYS[1])
if value == 'ended' then
  return 'ended'
end
if value then
  local there = cjson.decode(value)
  -- Another version of this program may have written it.
  local read = type(there.read_at) == 'table' and there.read_at or {}
  local as_new = there.version == version and read.by == ARGV[6] and read.us >= read_at
  if there.version > version or as_new then
    return 'known'
  end
  -- Another replica may have used it since the read.
  left = math.max(left, redis.call('PTTL', KEYS[1]))
end

left = math.min(left, tonumber(ARGV[5]) - now)
if left <= 0 then
  return 'over'
end
redis.call('PSETEX', KEYS[1], left, ARGV[1])
return 'stored'
