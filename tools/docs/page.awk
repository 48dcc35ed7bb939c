# Makes a page of what cmark-gfm wrote: anchors on headings, links between .md files to .html, navigation, style.
# Variables: page (the .md file), html (its address), title, index_file, css, links (where local links are noted).
function slug(text) {
  gsub(/<[^>]*>/, "", text)
  gsub(/&[a-z]+;/, "", text)
  text = tolower(text)
  gsub(/[^a-z0-9 _-]/, "", text)
  gsub(/ /, "-", text)
  if (text in used) {
    text = text "-" used[text]++
  }
  used[text]++
  return text
}

# The path of `link`, seen from the folder of this page, from the root of the tree.
function resolve(link, parts, n, i, depth, stack, path) {
  n = split(folder == "" ? link : folder "/" link, parts, "/")
  depth = 0
  for (i = 1; i <= n; i++) {
    if (parts[i] == "..") {
      depth -= depth > 0
    } else if (parts[i] != "." && parts[i] != "") {
      stack[++depth] = parts[i]
    }
  }
  path = ""
  for (i = 1; i <= depth; i++) {
    path = path (i > 1 ? "/" : "") stack[i]
  }
  return path
}

# A link as the site has it; notes what it points at.
function relink(link, hash, path, tail) {
  if (link ~ /^[a-z]+:/ || link ~ /^[#\/]/ || link == "") {
    return link
  }
  tail = ""
  hash = index(link, "#")
  if (hash > 0) {
    tail = substr(link, hash)
    link = substr(link, 1, hash - 1)
  }
  path = resolve(link)
  print page "\t" path >> links
  if (path == "README.md") {
    return up "index.html" tail
  }
  sub(/\.md$/, ".html", link)
  return link tail
}

function relink_line(line, done, quote) {
  done = ""
  while (match(line, /(href|src)="[^"]*"/)) {
    quote = index(substr(line, RSTART), "\"") + RSTART - 1
    done = done substr(line, 1, quote) relink(substr(line, quote + 1, RSTART + RLENGTH - quote - 2)) "\""
    line = substr(line, RSTART + RLENGTH)
  }
  return done line
}

BEGIN {
  folder = page
  if (!sub(/\/[^\/]*$/, "", folder)) {
    folder = ""
  }
  up = ""
  levels = gsub(/\//, "/", html)
  while (levels-- > 0) {
    up = up "../"
  }
}

{ body[++lines] = $0 }

END {
  for (i = 1; i <= lines; i++) {
    line = body[i]
    if (line ~ /^<pre/) {
      verbatim = 1
    }
    if (!verbatim) {
      line = relink_line(line)
      if (match(line, /^<h[1-6]>/)) {
        text = substr(line, 5)
        sub(/<\/h[1-6]>$/, "", text)
        anchor = slug(text)
        level = substr(line, 3, 1)
        if (level == 2) {
          sections[++section_count] = "<li><a href=\"#" anchor "\">" text "</a></li>"
        }
        line = "<h" level " id=\"" anchor "\">" text " <a class=\"anchor\" href=\"#" anchor "\" aria-label=\"link\">#</a></h" level ">"
        if (level == 1) {
          line = "<h1 id=\"" anchor "\">" text "</h1>"
        }
      }
      gsub(/<table>/, "<div class=\"wide\"><table>", line)
      gsub(/<\/table>/, "</table></div>", line)
    }
    if (line ~ /<\/pre>/) {
      verbatim = 0
    }
    body[i] = line
  }

  print "<!doctype html>"
  print "<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
  print "<title>" (html == "index.html" ? title : title " - vigil") "</title><style>"
  while ((getline line < css) > 0) {
    print line
  }
  print "</style></head><body>"
  print "<a class=\"skip\" href=\"#content\">To the text</a>"
  print "<div class=\"page\"><nav aria-label=\"Pages\"><a class=\"name\" href=\"" up "index.html\">vigil</a><ul>"
  group = "."
  while ((getline line < index_file) > 0) {
    split(line, entry, "\t")
    if (entry[1] != group) {
      group = entry[1]
      heading = group
      sub(/^.*\//, "", heading)
      print "</ul><h2>" heading "</h2><ul>"
    }
    if (entry[2] == html) {
      print "<li class=\"here\"><a href=\"#\" aria-current=\"page\">" entry[3] "</a>"
      if (section_count > 1) {
        print "<ul>"
        for (i = 1; i <= section_count; i++) {
          print sections[i]
        }
        print "</ul>"
      }
      print "</li>"
    } else {
      print "<li><a href=\"" up entry[2] "\">" entry[3] "</a></li>"
    }
  }
  print "</ul></nav><main id=\"content\">"
  for (i = 1; i <= lines; i++) {
    print body[i]
  }
  print "</main></div></body></html>"
}
