-- bury: take a member off its due set and keep it as a dead letter, in one step.
-- KEYS[1] -> due:<what>          sorted set
-- KEYS[2] -> attempts:<what>     hash
-- KEYS[3] -> dead_letters        sorted set
-- KEYS[4] -> dead_letter:<id>    hash
-- KEYS[5] -> body:<member>       string, kept as long as the letter
-- ARGV[1] -> member, ARGV[2] -> id, ARGV[3..] -> fields of the letter: name, value
-- Returns 1, or 0 if the member was done, parked or buried meanwhile.
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[4], unpack(ARGV, 3))
redis.call('HSET', KEYS[4], 'last_ms', now)
redis.call('HSETNX', KEYS[4], 'first_ms', now)
redis.call('HINCRBY', KEYS[4], 'count', 1)
redis.call('ZADD', KEYS[3], now, ARGV[2])
redis.call('PERSIST', KEYS[5])
return 1
