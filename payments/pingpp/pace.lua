-- pace: give a call its turn, which is a token of the bucket and a place in flight, or say how long to wait.
-- KEYS[1] -> pace        hash: rate (calls a second, while lowered), tokens, at (ms, when they were counted),
--                        rest (ms, when a call that nobody waits for had its last turn), slowed and told: paced.lua
-- KEYS[2] -> in_flight   sorted set: places taken, by when their lease ends (ms)
-- ARGV[1] -> the place, a name for it
-- ARGV[2] -> calls a second at full pace
-- ARGV[3] -> how many places there are
-- ARGV[4] -> lease, ms
-- ARGV[5] -> 1: somebody waits for the call
-- Returns 0, or the ms to wait before asking again; nothing was written then.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local full, places = tonumber(ARGV[2]), tonumber(ARGV[3])
local held = redis.call('HMGET', KEYS[1], 'rate', 'tokens', 'at', 'rest')
local rate = math.min(tonumber(held[1]) or full, full)
-- A second's worth; at the floor two, of which one can be reserved.
local holds = math.max(2, rate)
-- A bucket counted in the future (the clock was put back) would stay as it is until then: taken as full.
local tokens, since = holds, now - (tonumber(held[3]) or 0)
if held[2] and since >= 0 then tokens = math.min(holds, held[2] + since * rate / 1000) end
-- What nobody waits for leaves a quarter to what somebody does, or a busy hour at the till would find it all gone;
-- but in the time of ten calls one of it goes all the same, or that hour would stop the rest.
local leaves = 0
if ARGV[5] ~= '1' and now - (tonumber(held[4]) or 0) < 10000 / rate then leaves = 0.25 end
if redis.call('ZCOUNT', KEYS[2], now, '+inf') >= places * (1 - leaves) then return 100 end
local missing = 1 + leaves * holds - tokens
if missing > 0 then return math.min(1000, math.ceil(missing * 1000 / rate)) end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('(%.0f', now))
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1])
redis.call('HSET', KEYS[1], 'tokens', string.format('%.4f', tokens - 1), 'at', now)
if ARGV[5] ~= '1' then redis.call('HSET', KEYS[1], 'rest', now) end
return 0
