-- replay: have an event applied again, as long as its body is there and it waits for nobody else.
-- KEYS[1] -> body:<member>      string
-- KEYS[2] -> due:events         sorted set
-- KEYS[3] -> attempts:events    hash
-- KEYS[4] -> due:asks           sorted set
-- KEYS[5] -> dead_letters       sorted set
-- KEYS[6] -> event:<member>     hash: it may not be kept aside any more
-- ARGV[1] -> member, ARGV[2..] -> ids of the dead letters that it could be
-- Returns 'replayed', 'gone' (its body is), 'asked' (it waits for an answer of Ping++) or 'dead'.
if redis.call('EXISTS', KEYS[1]) == 0 then return 'gone' end
if redis.call('ZSCORE', KEYS[4], ARGV[1]) then return 'asked' end
for i = 2, #ARGV do
  if redis.call('ZSCORE', KEYS[5], ARGV[i]) then return 'dead' end
end
local time = redis.call('TIME')
redis.call('PERSIST', KEYS[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[6], 'aside')
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
return 'replayed'
