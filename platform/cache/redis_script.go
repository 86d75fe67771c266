package cache

// touchSource reads, judges and slides. KEYS[1] is the key, ARGV[1] the caller's time in
// Unix milliseconds. It answers nil (nothing, or a layout of another release), T, L, X
// (it was past its limits and is gone), or the stored value as it is, slid to the caller's
// time plus its idle limit: making another string of it would cost more than everything
// else here. Where a caller whose clock is ahead slid it further, V and the deadline as 14
// digits stand in front.
//
// The deadline is the key's expiry as an absolute time: the server's time plus PTTL,
// which servers from 6.2 on have. It only moves forward: callers' clocks differ a little.
const touchSource = `
local v = redis.call('GET', KEYS[1])
if not v then return false end
local kind = string.byte(v)
if kind == 84 then return 'T' end
if kind == 76 then return 'L' end
if kind ~= 49 then return false end
local ttl = redis.call('PTTL', KEYS[1])
if ttl < 0 then
  redis.call('DEL', KEYS[1])
  return false
end
local t = redis.call('TIME')
local now = tonumber(ARGV[1])
local cap = tonumber(string.sub(v, 2, 15))
local deadline = t[1] * 1000 + math.floor(t[2] / 1000) + ttl
if now >= deadline or now >= cap then
  redis.call('DEL', KEYS[1])
  return 'X'
end
local slid = now + tonumber(string.sub(v, 16, 27))
if slid > cap then slid = cap end
if slid <= deadline then
  return 'V' .. string.format('%014d', math.min(deadline, cap)) .. v
end
redis.call('PEXPIREAT', KEYS[1], slid)
return v
`

// fillSource replaces the lease ARGV[1] with the value ARGV[2] until ARGV[3].
const fillSource = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
return 1
`

// replaceSource replaces the value whose payload is ARGV[1] with ARGV[2] until ARGV[3].
const replaceSource = `
local v = redis.call('GET', KEYS[1])
if not v or string.byte(v) ~= 49 or string.sub(v, 28) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
return 1
`

// putSource sets the value ARGV[1] until ARGV[2] unless a tombstone stands.
const putSource = `
if redis.call('GETRANGE', KEYS[1], 0, 0) == 'T' then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
return 1
`

// burySource replaces what the key holds with the tombstone ARGV[1] for at least ARGV[2]
// milliseconds. One that stands is not shortened, and without an owner not taken over.
const burySource = `
local v = redis.call('GET', KEYS[1])
local tomb, ttl = ARGV[1], tonumber(ARGV[2])
if v and string.byte(v) == 84 then
  if v == 'T' then tomb = v end
  ttl = math.max(ttl, redis.call('PTTL', KEYS[1]))
end
redis.call('SET', KEYS[1], tomb, 'PX', ttl)
return 1
`

// forgetSource removes a value of any layout, but neither a tombstone nor a lease.
const forgetSource = `
local kind = redis.call('GETRANGE', KEYS[1], 0, 0)
if kind == 'T' or kind == 'L' then return 0 end
return redis.call('DEL', KEYS[1])
`
