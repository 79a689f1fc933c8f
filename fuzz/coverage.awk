# What libFuzzer prints with -print_coverage=1, of all targets, as one table: see coverage.sh.

# "COVERED_FUNC: hits: 24 edges: 1/3 NAME FILE:LINE", or "UNCOVERED_FUNC: …" with no edge reached.
/^(UN)?COVERED_FUNC: / {
    key = $NF
    ours = index(key, src) == 1
    if (!ours) next
    key = substr(key, length(src) + 1)
    covered = /^COVERED/
    split($5, edges, "/")
    # Of the instances the one that was reached best.
    if (!(key in all) || edges[1] / edges[2] > reached[key] / all[key]) {
        reached[key] = edges[1]
        all[key] = edges[2]
    }
    if (covered) instances[key]++
    next
}

# "  UNCOVERED_PC: FILE:LINE", of a function that was reached.
/^ *UNCOVERED_PC: / && ours && covered {
    if (index($2, src) != 1) next
    line = substr($2, length(src) + 1)
    # Code that the compiler has made, and no line.
    if (line ~ /:0$/) next
    if (!((key, line, FILENAME, instances[key]) in seen)) {
        seen[key, line, FILENAME, instances[key]]
        missed[key, line]++
    }
}

END {
    for (key in all) {
        file = key
        sub(/:.*/, "", file)
        files[file]
        sum_reached[file] += reached[key]
        sum_all[file] += all[key]
        if (!(key in instances)) functions[file] = functions[file] " " substr(key, length(file) + 2)
    }
    for (pair in missed) {
        split(pair, parts, SUBSEP)
        if (missed[pair] == instances[parts[1]]) {
            file = parts[2]
            sub(/:.*/, "", file)
            number = substr(parts[2], length(file) + 2)
            if (!((file, number) in listed)) lines[file] = lines[file] " " number
            listed[file, number]
        }
    }
    printf "%-34s %s\n", "file of src/", "edges reached"
    count = 0
    for (file in files) names[++count] = file
    # In order, without a function that not every awk has.
    for (i = 2; i <= count; i++)
        for (j = i; j > 1 && names[j] < names[j - 1]; j--) {
            name = names[j]; names[j] = names[j - 1]; names[j - 1] = name
        }
    for (i = 1; i <= count; i++) {
        file = names[i]
        printf "%-34s %5d/%-5d\n", file, sum_reached[file], sum_all[file]
        if (functions[file] != "") print "    functions not reached, at lines" functions[file]
        if (lines[file] != "") print "    edges not taken, at lines" lines[file]
        total_reached += sum_reached[file]
        total += sum_all[file]
    }
    printf "%-34s %5d/%-5d\n", "altogether", total_reached, total
}
