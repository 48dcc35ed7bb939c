# Reads CTest's JUnit report: prints what failed with its output, why tests were not run, how the contract went on each
# engine, and the line of counts.
BEGIN {
  front = 60
  back = 40
}

function attribute(line, name) {
  if (!match(line, name "=\"[^\"]*\"")) {
    return ""
  }
  return plain(substr(line, RSTART + length(name) + 2, RLENGTH - length(name) - 3))
}

function plain(text) {
  gsub(/&lt;/, "<", text)
  gsub(/&gt;/, ">", text)
  gsub(/&quot;/, "\"", text)
  gsub(/&apos;/, "'", text)
  gsub(/&amp;/, "\\&", text)
  return text
}

# contract.Suite.Test/epoll: what its last part names; contract_sim.Suite: all faces of the simulated kernel.
function engine_of(name) {
  if (name ~ /^contract_sim\./) {
    return "the simulated kernel, by suites"
  }
  if (name !~ /^contract\..*\/[a-z_]+$/) {
    return ""
  }
  sub(/.*\//, "", name)
  return name
}

function count_engine(engine, status) {
  if (engine == "") {
    return
  }
  if (!(engine in runs)) {
    engines[++number_of_engines] = engine
  }
  runs[engine, status]++
  runs[engine]++
}

/^\t<testcase / {
  name = attribute($0, "name")
  status = attribute($0, "status")
  why = ""
  count_engine(engine_of(name), status == "run" || status == "fail" ? status : "notrun")
  if (status == "run") {
    passed++
  } else if (status == "fail") {
    failed++
    print "\n--- failed: " name " (" attribute($0, "time") " s)"
    failures[failed] = name
    lines = 0
  } else {
    skipped++
  }
  next
}

status == "fail" && /<failure / {
  if (attribute($0, "message") != "") {
    print "    " attribute($0, "message")
  }
  next
}

status == "fail" {
  line = $0
  sub(/^\t*<system-out>/, "", line)
  if (line !~ /^\t*<\/(system-out|testcase|testsuite)>/) {
    tell(plain(line))
  }
}

# Bytes that differ can be long, and much can be said before it failed: of a long output its front and its end.
function tell(line) {
  lines++
  line = "    " (length(line) > 300 ? substr(line, 1, 300) "... (" length(line) " characters)" : line)
  if (lines <= front) {
    print line
  } else {
    kept[lines % back] = line
  }
}

function tell_end(    i) {
  if (lines > front + back) {
    print "    ... " (lines - front - back) " lines are in the report alone"
  }
  for (i = lines - back > front ? lines - back + 1 : front + 1; i <= lines; i++) {
    print kept[i % back]
  }
}

status == "notrun" && why == "" && /^not run: / {
  why = plain(substr($0, 10))
}

/^\t<\/testcase>/ {
  if (status == "fail") {
    tell_end()
  }
  if (status != "run" && status != "fail") {
    if (why == "") {
      why = "it did not say why"
    }
    if (!(why in reasons)) {
      order[++kinds] = why
    }
    reasons[why] = reasons[why] "\n    " name
    times[why]++
  }
  status = ""
}

END {
  for (i = 1; i <= kinds; i++) {
    print "not run: " order[i] " (" times[order[i]] (times[order[i]] == 1 ? " test)" : " tests)") reasons[order[i]]
  }
  for (i = 1; i <= number_of_engines; i++) {
    each = engines[i]
    printf "contract on %s: %d passed, %d failed, %d skipped\n", each, runs[each, "run"], runs[each, "fail"], runs[each, "notrun"]
  }
  for (i = 1; i <= failed; i++) {
    print "failed: " failures[i]
  }
  printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
  exit failed > 0
}
