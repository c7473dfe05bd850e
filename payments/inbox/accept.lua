-- accept: store a group of webhooks, each once, and say whether somebody has to ring for them.
-- KEYS[1] -> due:events      sorted set
-- KEYS[2] -> bell:events     string with a TTL
-- KEYS[3] -> recent_events   list
-- KEYS[4..] -> per webhook: event:<member>, body:<member>
-- ARGV[1] -> how long an event is remembered, s
-- ARGV[2] -> how long a bell may ring unheard, ms
-- ARGV[3] -> how many recent events are listed
-- ARGV[4..] -> per webhook: member, digest, body
-- Returns 1 or 0: whether to ring; then per webhook 1: new, 0: had before, 2: had before with another body.
-- A duplicate is written too (its count), because WAIT answers for the last write of a connection.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer, due, recent, bodies = {0}, {}, {}, {}
for i = 0, (#ARGV - 3) / 3 - 1 do
  local member, digest, body = ARGV[4 + 3 * i], ARGV[5 + 3 * i], ARGV[6 + 3 * i]
  local event = KEYS[4 + 2 * i]
  local known = redis.call('HGET', event, 'digest')
  if known then
    redis.call('HINCRBY', event, 'seen', 1)
    answer[#answer + 1] = known == digest and 0 or 2
  else
    redis.call('HSET', event, 'received', now, 'seen', 1, 'digest', digest)
    redis.call('EXPIRE', event, ARGV[1])
    bodies[#bodies + 1] = KEYS[5 + 2 * i]
    bodies[#bodies + 1] = body
    due[#due + 1] = now
    due[#due + 1] = member
    recent[#recent + 1] = member
    answer[#answer + 1] = 1
  end
end
if #due > 0 then
  redis.call('MSET', unpack(bodies))
  redis.call('ZADD', KEYS[1], unpack(due))
  redis.call('LPUSH', KEYS[3], unpack(recent))
  redis.call('LTRIM', KEYS[3], 0, ARGV[3] - 1)
  if redis.call('SET', KEYS[2], 1, 'NX', 'PX', ARGV[2]) then answer[1] = 1 end
end
return answer
