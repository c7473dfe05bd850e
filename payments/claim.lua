-- claim: lend out due members for the length of a lease, counting the attempt before the work.
-- KEYS[1] -> due:<what>        sorted set
-- KEYS[2] -> attempts:<what>   hash: attempts begun, and after a blank the last error
-- KEYS[3] -> bell:<what>       string
-- ARGV[1] -> at most so many members
-- ARGV[2] -> lease, ms
-- ARGV[3] -> 1: unset the bell, this is the first claim of a drain
-- ARGV[4] -> attempts that a member may have: one that used them up is handed out to be buried, not counted on
-- Returns the time (ms), then per member: member, when it was due (ms), attempts with this one, last error.
-- A member tried before is handed out alone, or a poisonous one would take healthy neighbours with it. It is
-- passed over until it is the one that has been due longest, which it soon is.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[3] == '1' then redis.call('DEL', KEYS[3]) end
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
local answer = {now}
if #found == 0 then return answer end
local members = {}
for i = 1, #found, 2 do members[#members + 1] = found[i] end
local tried = redis.call('HMGET', KEYS[2], unpack(members))
local lease, counts = {}, {}
local function hand_out(i, attempts, problem)
  lease[#lease + 1] = now + ARGV[2]
  lease[#lease + 1] = members[i]
  counts[#counts + 1] = members[i]
  counts[#counts + 1] = problem == '' and attempts or attempts .. ' ' .. problem
  answer[#answer + 1] = members[i]
  answer[#answer + 1] = tonumber(found[2 * i])
  answer[#answer + 1] = attempts
  answer[#answer + 1] = problem
end
if tried[1] then
  local attempts, problem = string.match(tried[1], '^(%d+) ?(.*)$')
  hand_out(1, math.min(attempts + 1, ARGV[4] + 1), problem)
else
  for i = 1, #members do
    if not tried[i] then hand_out(i, 1, '') end
  end
end
redis.call('ZADD', KEYS[1], 'XX', unpack(lease))
redis.call('HSET', KEYS[2], unpack(counts))
return answer
