-- record: write payment documents and publish what is new in them, unless they moved since they were read.
-- KEYS[1] -> fulfilment        stream
-- KEYS[2] -> due:<what>        sorted set that the work was claimed from
-- KEYS[3] -> attempts:<what>   hash
-- KEYS[4] -> due:checks        KEYS[5] -> attempts:checks
-- KEYS[6] -> due:checks_now    KEYS[7] -> attempts:checks_now
-- KEYS[8] -> due:asks          KEYS[9] -> payments        KEYS[10] -> kept_aside
-- KEYS[11..] -> per unit: its payment:<name> if it names one, what is tied to it (charge:<id> of each new
--               charge, checkout:<token>), charges:<app> if it has new charges, body:<member> of each member done,
--               and event:<member> of one kept aside
-- ARGV[1] -> how long the body of an event that is done is kept, s
-- ARGV[2..] -> per unit:
--   document ('' = none), token read, payment name ('' = neither written nor compared), time of its creation (ms)
--   number of new ties
--   number of new charges, per charge: when Ping++ created it (s), its id
--   number of messages, the messages
--   number of members done, the members
--   number of checks, per check: member, when it is due (ms; '' = not any more), 'checks' or 'checks_now'
--   number of asks, the members
--   'always', or 'taken': only if this call is the one that takes its member off the due set (for what has no
--   document to compare); then the reason for keeping it aside ('' = it is not)
-- Returns the positions of the units whose payment had moved; nothing was changed for those.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local key, arg = 11, 2
local units, moved = {}, {}

local function take(n)
  local first = arg
  arg = arg + n
  return first
end

while arg <= #ARGV do
  local unit = {document = ARGV[arg], token = ARGV[arg + 1], name = ARGV[arg + 2], created = ARGV[arg + 3]}
  arg = arg + 4
  unit.ties = tonumber(ARGV[take(1)])
  unit.charges = tonumber(ARGV[take(1)])
  unit.first_new = take(2 * unit.charges)
  unit.messages = tonumber(ARGV[take(1)])
  unit.first_message = take(unit.messages)
  unit.done = tonumber(ARGV[take(1)])
  unit.first_done = take(unit.done)
  unit.checks = tonumber(ARGV[take(1)])
  unit.first_check = take(3 * unit.checks)
  unit.asks = tonumber(ARGV[take(1)])
  unit.first_ask = take(unit.asks)
  unit.only_if_taken = ARGV[take(1)] == 'taken'
  unit.aside = ARGV[take(1)]
  unit.key = key
  if unit.name ~= '' then key = key + 1 end
  unit.first_tie = key
  key = key + unit.ties
  unit.index = key
  if unit.charges > 0 then key = key + 1 end
  unit.first_body = key
  key = key + unit.done
  unit.event = key
  if unit.aside ~= '' then key = key + 1 end
  units[#units + 1] = unit
end

-- Redis does not roll back a script that fails midway: compare everything before anything is written.
for position, unit in ipairs(units) do
  if unit.name ~= '' then
    unit.moved = redis.call('GETRANGE', KEYS[unit.key], 0, 15) ~= unit.token
    if unit.ties > 0 then
      local ties = redis.call('MGET', unpack(KEYS, unit.first_tie, unit.first_tie + unit.ties - 1))
      for i = 1, unit.ties do
        unit.moved = unit.moved or (ties[i] and ties[i] ~= unit.name)
      end
    end
  end
  if unit.moved then moved[#moved + 1] = position end
end

-- What can wait is gathered and written in one call for all units: a call costs a microsecond.
local values, begun, done, created = {}, {}, {}, {}
for _, unit in ipairs(units) do
  if not unit.moved then
    local taken = 0
    for i = 0, unit.done - 1 do
      local member = ARGV[unit.first_done + i]
      -- One that is not there any more was done by others, or waits for a person: its body is not ours to end.
      if redis.call('ZREM', KEYS[2], member) == 1 then
        taken = taken + 1
        done[#done + 1] = member
        redis.call('EXPIRE', KEYS[unit.first_body + i], ARGV[1])
      end
    end
    if taken > 0 or not unit.only_if_taken then
      if unit.document ~= '' then
        values[#values + 1] = KEYS[unit.key]
        values[#values + 1] = unit.document
        if unit.token == '' then
          begun[#begun + 1] = unit.created
          begun[#begun + 1] = unit.name
        end
        for i = unit.first_tie, unit.first_tie + unit.ties - 1 do
          values[#values + 1] = KEYS[i]
          values[#values + 1] = unit.name
        end
      end
      if unit.charges > 0 then
        local index = created[KEYS[unit.index]] or {}
        created[KEYS[unit.index]] = index
        for i = unit.first_new, unit.first_new + 2 * unit.charges - 1 do index[#index + 1] = ARGV[i] end
      end
      for i = unit.first_message, unit.first_message + unit.messages - 1 do
        redis.call('XADD', KEYS[1], '*', 'event', ARGV[i])
      end
      for i = unit.first_check, unit.first_check + 3 * unit.checks - 1, 3 do
        local own, other = 4, 6
        if ARGV[i + 2] == 'checks_now' then own, other = 6, 4 end
        redis.call('ZREM', KEYS[other], ARGV[i])
        redis.call('HDEL', KEYS[other + 1], ARGV[i])
        redis.call('HDEL', KEYS[own + 1], ARGV[i])
        if ARGV[i + 1] == '' then
          redis.call('ZREM', KEYS[own], ARGV[i])
        else
          redis.call('ZADD', KEYS[own], ARGV[i + 1], ARGV[i])
        end
      end
      for i = unit.first_ask, unit.first_ask + unit.asks - 1 do
        redis.call('ZADD', KEYS[8], 'NX', now, ARGV[i])
      end
      if unit.aside ~= '' then
        redis.call('HINCRBY', KEYS[10], unit.aside, 1)
        if redis.call('EXISTS', KEYS[unit.event]) == 1 then redis.call('HSET', KEYS[unit.event], 'aside', unit.aside) end
      end
    end
  end
end
if #values > 0 then redis.call('MSET', unpack(values)) end
for name, index in pairs(created) do redis.call('ZADD', name, unpack(index)) end
if #begun > 0 then redis.call('ZADD', KEYS[9], unpack(begun)) end
if #done > 0 then redis.call('HDEL', KEYS[3], unpack(done)) end
return moved
