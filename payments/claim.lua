-- claim: lend out due members for the length of a lease, counting the attempt before the work.
-- KEYS[1] -> due:<what>        sorted set
-- KEYS[2] -> attempts:<what>   hash: attempts begun, since when it waits (ms), last error; blanks between
-- KEYS[3] -> bell:<what>       string
-- ARGV[1] -> at most so many members
-- ARGV[2] -> lease, ms
-- ARGV[3] -> 1: unset the bell, this is the first claim of a drain
-- ARGV[4] -> attempts that a member may have: one that used them up is handed out to be buried, not counted on
-- ARGV[5] -> 1: rather one that was tried before than those that were not
-- Returns the time (ms), then per member: member, since when it waits (ms), attempts with this one, last error.
-- A member tried before is handed out alone, or a poisonous one would take healthy neighbours with it. Drains ask
-- for either kind in turn, so that those that a dead worker left behind hold up nobody.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[3] == '1' then redis.call('DEL', KEYS[3]) end
local n, farthest = tonumber(ARGV[1]), 4 * ARGV[1]
local new, again = {}, nil  -- {member, waits since, last error, attempts before}
local offset = 0
while #new == 0 and not (again and ARGV[5] == '1') and offset < farthest do
  local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', offset, n)
  if #found == 0 then break end
  local members = {}
  for i = 1, #found, 2 do members[#members + 1] = found[i] end
  local tried = redis.call('HMGET', KEYS[2], unpack(members))
  for i = 1, #members do
    if not tried[i] then
      new[#new + 1] = {members[i], tonumber(found[2 * i]), '', 0}
    else
      local attempts, since, problem = string.match(tried[i], '^(%d+) (%d+) ?(.*)$')
      local one = {members[i], tonumber(since), problem, tonumber(attempts)}
      if one[4] == 0 then new[#new + 1] = one else again = again or one end
    end
  end
  offset = offset + n
end
local chosen = new
if again and (#new == 0 or ARGV[5] == '1') then chosen = {again} end
local answer, lease, counts = {now}, {}, {}
if #chosen == 0 then return answer end
for _, one in ipairs(chosen) do
  local attempts = math.min(one[4] + 1, ARGV[4] + 1)
  lease[#lease + 1] = now + ARGV[2]
  lease[#lease + 1] = one[1]
  counts[#counts + 1] = one[1]
  counts[#counts + 1] = string.format('%d %.0f %s', attempts, one[2], one[3])
  for _, value in ipairs({one[1], one[2], attempts, one[3]}) do answer[#answer + 1] = value end
end
redis.call('ZADD', KEYS[1], 'XX', unpack(lease))
redis.call('HSET', KEYS[2], unpack(counts))
return answer
