-- Send one body again and again, each time with the next caller's token.
local requests, turn = {}, 0

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

function init()
  local body = read(os.getenv("BENCH_BODY"))
  for token in read(os.getenv("BENCH_TOKENS")):gmatch("%S+") do
    local headers = { ["authorization"] = "Bearer " .. token, ["content-type"] = "application/json" }
    requests[#requests + 1] = wrk.format(os.getenv("BENCH_METHOD"), os.getenv("BENCH_PATH"), headers, #body > 0 and body or nil)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout
  ))
end
