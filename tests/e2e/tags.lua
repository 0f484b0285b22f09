-- For wrk: every answer must be a 200 whose two tags agree: both come from the same revision.
local threads = {}
function setup(thread)
    table.insert(threads, thread)
end
function init()
    good, torn, bad = 0, 0, 0
    example = ""
end
function response(status, headers, body)
    local one, two = body:match("^/(%w+)/%S* (%w+)")
    if status ~= 200 then
        bad = bad + 1
        example = status .. " " .. body:sub(1, 200)
    elseif one == nil or one ~= two then
        torn = torn + 1
        example = body:sub(1, 200)
    else
        good = good + 1
    end
end
function done(summary)
    local good, torn, bad, example = 0, 0, 0, ""
    for _, thread in ipairs(threads) do
        good, torn, bad = good + thread:get("good"), torn + thread:get("torn"), bad + thread:get("bad")
        if thread:get("example") ~= "" then
            example = thread:get("example")
        end
    end
    local e = summary.errors
    print(string.format("RESULT good=%d torn=%d bad=%d connect=%d read=%d write=%d timeout=%d example=%q",
        good, torn, bad, e.connect, e.read, e.write, e.timeout, example))
end
