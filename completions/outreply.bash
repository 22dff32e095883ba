# What outreply completes; written by: outreply completion bash

# Sets commands, flags, valued (option=kind) and arguments (kind*: any number).
_outreply_command() {
    commands= flags= valued= arguments=
    case $1 in
    '')
        commands='auth brands pages posts comments media bulk webhooks serve-webhook quota emulator api errors doctor completion help demo' flags='--version --help -h'
        ;;
    'auth')
        commands='login status list switch logout token' flags='--help -h'
        ;;
    'auth login')
        flags='--with-token --base-url --insecure-storage --tz --yes -y --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--base-url= --tz=zone --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'auth status')
        flags='--profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'auth list')
        flags='--output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--output=output -o=output --fields='
        ;;
    'auth switch')
        flags='--output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--output=output -o=output --fields=' arguments='profile'
        ;;
    'auth logout')
        flags='--profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'auth token')
        flags='--profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'brands')
        commands='list show' flags='--help -h'
        ;;
    'brands list')
        flags='--profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'brands show')
        flags='--profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='brand'
        ;;
    'pages')
        commands='list show' flags='--help -h'
        ;;
    'pages list')
        flags='--platform --brand --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--platform=platform --brand=brand --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'pages show')
        flags='--profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='page'
        ;;
    'posts')
        commands='calendar export schedule publish list show cancel reschedule wait' flags='--help -h'
        ;;
    'posts calendar')
        flags='--week --month --page --from --tz --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--page=page --from= --tz=zone --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'posts export')
        flags='--ics --csv --page --scheduled --published --all --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--ics=files --csv=files --page=page --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'posts schedule')
        flags='--page --at --message -m --file -F --edit --media --first-comment --tiktok --link --key --keep-media --tz --dry-run --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--page=page --at= --message= -m= --file=files -F=files --media=attachment --first-comment= --tiktok= --link= --key= --tz=reading_zone --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'posts publish')
        flags='--page --message -m --file -F --edit --media --first-comment --tiktok --link --key --keep-media --dry-run --yes -y --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--page=page --message= -m= --file=files -F=files --media=attachment --first-comment= --tiktok= --link= --key= --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'posts list')
        flags='--scheduled --published --all --page --since --limit --tz --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--page=page --since= --limit= --tz=zone --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'posts show')
        flags='--tz --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--tz=zone --profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='post'
        ;;
    'posts cancel')
        flags='--profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='scheduled*'
        ;;
    'posts reschedule')
        flags='--at --tz --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--at= --tz=reading_zone --profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='scheduled'
        ;;
    'posts wait')
        flags='--timeout --tz --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--timeout= --tz=zone --profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='scheduled'
        ;;
    'comments')
        commands='inbox watch triage list reply' flags='--help -h'
        ;;
    'comments inbox')
        flags='--days --since --all --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--days= --since= --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'comments watch')
        flags='--days --interval --max --since --exec --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--days= --interval= --max= --since= --exec= --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'comments triage')
        flags='--days --skipped --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--days= --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'comments list')
        flags='--since --unanswered --contains --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--since= --contains= --profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='published'
        ;;
    'comments reply')
        flags='--message -m --file -F --edit --template --key --yes -y --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--message= -m= --file=files -F=files --template= --key= --profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='comment'
        ;;
    'media')
        commands='upload list show delete prune' flags='--help -h'
        ;;
    'media upload')
        flags='--recursive -r --skip-existing --concurrency --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--concurrency= --profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='files*'
        ;;
    'media list')
        flags='--sort --unused --tz --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--sort=sort --tz=zone --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'media show')
        flags='--tz --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--tz=zone --profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='media'
        ;;
    'media delete')
        flags='--yes -y --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='media*'
        ;;
    'media prune')
        flags='--older-than --dry-run --yes -y --tz --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--older-than= --tz=zone --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'bulk')
        commands='schedule plan apply status cancel export template' flags='--help -h'
        ;;
    'bulk schedule')
        flags='--dry-run --prune --spread --spread-window --adopt --max-cancel --no-upload --concurrency --columns --date-order --report --wait-lock --tz --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--spread-window= --max-cancel= --concurrency= --columns= --date-order=date_order --report=files --wait-lock= --tz=reading_zone --profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='files*'
        ;;
    'bulk plan')
        flags='--output -o --prune --spread --spread-window --max-cancel --columns --date-order --tz --profile -p --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--output=files -o=files --spread-window= --max-cancel= --columns= --date-order=date_order --tz=reading_zone --profile=profile -p=profile --fields= --max-wait=' arguments='files'
        ;;
    'bulk apply')
        flags='--concurrency --report --wait-lock --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--concurrency= --report=files --wait-lock= --profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='files'
        ;;
    'bulk status')
        flags='--columns --date-order --tz --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--columns= --date-order=date_order --tz=reading_zone --profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='files'
        ;;
    'bulk cancel')
        flags='--wait-lock --yes -y --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--wait-lock= --profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='files'
        ;;
    'bulk export')
        flags='--file --page --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--file=files --page=page --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'bulk template')
        flags='--output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--output=output -o=output --fields=' arguments='kind'
        ;;
    'webhooks')
        commands='history replay verify sign events trigger check list show create delete' flags='--help -h'
        ;;
    'webhooks history')
        flags='--limit --event --since --failed --bad --verbose -v --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--limit= --event=event --since= --output=output -o=output --fields='
        ;;
    'webhooks replay')
        flags='--to --failed --since --resign --edit --secret-env --allow-public --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--to= --since= --secret-env= --output=output -o=output --fields=' arguments='-*'
        ;;
    'webhooks verify')
        flags='--signature --file -F --timestamp --tolerance --secret-env --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--signature= --file=files -F=files --timestamp= --tolerance= --secret-env= --output=output -o=output --fields='
        ;;
    'webhooks sign')
        flags='--file -F --secret-env --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--file=files -F=files --secret-env= --output=output -o=output --fields='
        ;;
    'webhooks events')
        flags='--output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--output=output -o=output --fields=' arguments='event'
        ;;
    'webhooks trigger')
        flags='--to --set --rotate --stale --bad-signature --secret-env --allow-public --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--to= --set= --secret-env= --output=output -o=output --fields=' arguments='event'
        ;;
    'webhooks check')
        flags='--secret-env --allow-public --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--secret-env= --output=output -o=output --fields=' arguments='-'
        ;;
    'webhooks list')
        flags='--profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'webhooks show')
        flags='--profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='webhook'
        ;;
    'webhooks create')
        flags='--url --events --save-secret --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--url= --events=events --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'webhooks delete')
        flags='--yes -y --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='webhook'
        ;;
    'serve-webhook')
        flags='--port --host --path --secret-env --no-verify --tolerance --require-timestamp --events --emulator --no-inspect --verbose -v --forward-to --forward-duplicates --pass-status --allow-public --exec --exec-jobs --exec-timeout --max-events --until --timeout --respond --delay --drop --fail-rate --seed --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--port= --host= --path= --secret-env= --tolerance= --events=events --forward-to= --exec= --exec-jobs= --exec-timeout= --max-events= --until= --timeout= --respond= --delay= --fail-rate= --seed= --output=output -o=output --fields='
        ;;
    'quota')
        commands='show check watch forecast' flags='--help -h'
        ;;
    'quota show')
        flags='--profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'quota check')
        flags='--min-publishes --min-replies --min-reads --warn-at --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--min-publishes= --min-replies= --min-reads= --warn-at= --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'quota watch')
        flags='--interval --max --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--interval= --max= --profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'quota forecast')
        flags='--profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'emulator')
        commands='start exec stop status freeze unfreeze comment deliveries rotate enable advance token seed reset openapi fault snapshot' flags='--help -h'
        ;;
    'emulator start')
        flags='--port --state --foreground --host --seed --frozen --failure-rate --comments --send-anywhere --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--port= --state=directories --host= --seed= --failure-rate= --comments= --output=output -o=output --fields='
        ;;
    'emulator exec')
        flags='--seed-file --seed --frozen --failure-rate --comments --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--seed-file=files --seed= --failure-rate= --comments= --output=output -o=output --fields=' arguments='files*'
        ;;
    'emulator stop')
        flags='--state --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--state=directories --output=output -o=output --fields='
        ;;
    'emulator status')
        flags='--state --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--state=directories --output=output -o=output --fields='
        ;;
    'emulator freeze')
        flags='--state --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--state=directories --output=output -o=output --fields='
        ;;
    'emulator unfreeze')
        flags='--state --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--state=directories --output=output -o=output --fields='
        ;;
    'emulator comment')
        flags='--message -m --name --username --state --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--message= -m= --name= --username= --state=directories --output=output -o=output --fields=' arguments='published'
        ;;
    'emulator deliveries')
        flags='--limit --state --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--limit= --state=directories --output=output -o=output --fields='
        ;;
    'emulator rotate')
        flags='--state --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--state=directories --output=output -o=output --fields=' arguments='webhook'
        ;;
    'emulator enable')
        flags='--state --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--state=directories --output=output -o=output --fields=' arguments='webhook'
        ;;
    'emulator advance')
        flags='--state --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--state=directories --output=output -o=output --fields=' arguments='-'
        ;;
    'emulator token')
        flags='--scopes --expires-in --name --state --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--scopes=scopes --expires-in= --name= --state=directories --output=output -o=output --fields='
        ;;
    'emulator seed')
        flags='--export --state --yes -y --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--state=directories --output=output -o=output --fields=' arguments='files'
        ;;
    'emulator reset')
        flags='--state --yes -y --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--state=directories --output=output -o=output --fields='
        ;;
    'emulator openapi')
        flags='--output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--output=output -o=output --fields='
        ;;
    'emulator fault')
        commands='add list clear' flags='--help -h'
        ;;
    'emulator fault add')
        flags='--method --path --every --probability --seed --times --state --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--method=method --path= --every= --probability= --seed= --times= --state=directories --output=output -o=output --fields=' arguments='kind_22'
        ;;
    'emulator fault list')
        flags='--state --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--state=directories --output=output -o=output --fields='
        ;;
    'emulator fault clear')
        flags='--state --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--state=directories --output=output -o=output --fields=' arguments='-'
        ;;
    'emulator snapshot')
        commands='save load' flags='--help -h'
        ;;
    'emulator snapshot save')
        flags='--state --yes -y --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--state=directories --output=output -o=output --fields=' arguments='files'
        ;;
    'emulator snapshot load')
        flags='--state --yes -y --output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--state=directories --output=output -o=output --fields=' arguments='files'
        ;;
    'api')
        flags='--raw-field -f --field -F --input --header -H --paginate --profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--raw-field= -f= --field= -F= --input=files --header= -H= --profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='method -'
        ;;
    'errors')
        flags='--profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait=' arguments='code'
        ;;
    'doctor')
        flags='--profile -p --output -o --json --fields --quiet -q --no-color --plain --verbose -v --max-wait --help -h' valued='--profile=profile -p=profile --output=output -o=output --fields= --max-wait='
        ;;
    'completion')
        flags='--help -h' arguments='shell'
        ;;
    'help')
        flags='--man --help -h' arguments='-*'
        ;;
    'demo')
        flags='--output -o --json --fields --quiet -q --no-color --plain --help -h' valued='--output=output -o=output --fields='
        ;;
    esac
}

# Sets choices, paths and known.
_outreply_kind() {
    case $1 in
    zone) known='zone' ;;
    profile) known='profile' ;;
    output) choices='table json jsonl yaml csv tsv' ;;
    brand) known='brand' ;;
    platform) choices='facebook instagram linkedin tiktok twitter youtube' ;;
    page) known='page' ;;
    files) paths='-f' ;;
    attachment) paths='-f' known='attachment' ;;
    reading_zone) known='reading_zone' ;;
    post) known='post' ;;
    scheduled) known='scheduled' ;;
    published) known='published' ;;
    comment) known='comment' ;;
    sort) choices='age size name post' ;;
    media) known='media' ;;
    date_order) choices='dmy mdy ymd' ;;
    kind) choices='yaml csv' ;;
    event) choices='post.published post.failed comment.received comment.replied account.quota.warning' ;;
    webhook) known='webhook' ;;
    events) known='events' ;;
    directories) paths='-d' ;;
    scopes) known='scopes' ;;
    kind_22) choices='drop-before drop-after delay: status: garbage truncate rate-limit skew:' ;;
    method) choices='GET POST PATCH PUT DELETE' ;;
    code) choices='MISSING_FIELD INVALID_DATE INVALID_MEDIA_URL INVALID_FILE_CONTENT UPLOAD_ERROR NO_FILE INVALID_IDEMPOTENCY_KEY MISSING_TOKEN INVALID_TOKEN TOKEN_REVOKED TOKEN_EXPIRED SANDBOX_EXHAUSTED MISSING_SCOPE IP_NOT_ALLOWED BRAND_NOT_AUTHORIZED COLLABORATOR_INSUFFICIENT NOT_FOUND MEDIA_IN_USE IDEMPOTENCY_KEY_MISMATCH FILE_TOO_LARGE QUOTA_EXCEEDED RATE_LIMITED DAILY_LIMIT_EXCEEDED MONTHLY_QUOTA_EXCEEDED PAGE_PUBLISH_GUARDRAIL BRAND_PUBLISH_GUARDRAIL SERVER_ERROR' ;;
    shell) choices='bash zsh fish powershell' ;;
    esac
}

# The line up to the cursor as words: bash splits them at : and = too.
_outreply_read_line() {
    local line=${COMP_LINE:0:COMP_POINT} i word blanks last
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        blanks=${line%%[![:space:]]*}
        line=${line#"$blanks"}
        ((i == COMP_CWORD)) && word=$line
        line=${line#"$word"}
        last=
        ((${#words[@]})) && last=${words[${#words[@]} - 1]}
        if [[ -n $last && -z $blanks && ($word == [:=]* || $last == *[:=]) ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
    done
    cur=${words[${#words[@]} - 1]}
    unset "words[${#words[@]}-1]"
}

# Offers a value; its text is shown where values are listed, and never put on the line.
_outreply_offer() {
    [[ $1 == "$cur"* ]] || return
    if [[ -n $2 && $COMP_TYPE != 9 && $COMP_TYPE != 37 && $COMP_TYPE != 42 ]]; then
        COMPREPLY+=("$1  ($2)")
    else
        COMPREPLY+=("$1")
    fi
    plain=$1
}

_outreply_offer_kind() {
    local choices= paths= known= value text
    _outreply_kind "$1"
    while IFS= read -r value; do
        [[ -n $value ]] && _outreply_offer "$value" ''
    done <<<"${choices// /$'\n'}"
    if [[ -n $known ]]; then
        while IFS=$'\t' read -r value text; do
            _outreply_offer "$value" "$text"
        done < <("${words[0]/#\~/$HOME}" __complete "$known" "$cur" "${words[@]:1}" 2>/dev/null)
    fi
    if [[ -n $paths && $known$COMPREPLY != attachment?* ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r value; do
            COMPREPLY+=("$value")
        done < <(compgen "$paths" -- "$cur" 2>/dev/null)
    fi
}

# The kind of value that the option $1 takes: sets kind, and fails when it takes none.
_outreply_option() {
    local pair
    for pair in $valued; do
        if [[ ${pair%%=*} == "$1" ]]; then
            kind=${pair#*=}
            return 0
        fi
    done
    return 1
}

_outreply() {
    local cur plain= path= ended= kind= pending= given=0 before= i word one
    local commands flags valued arguments
    local -a words
    COMPREPLY=()
    _outreply_read_line
    _outreply_command ''
    for ((i = 1; i < ${#words[@]}; i++)); do
        word=${words[i]}
        pending=
        if [[ -n $ended ]]; then
            ((given++))
        elif [[ $word == -- ]]; then
            ended=1
        elif [[ $word == -* ]]; then
            if [[ $word != *=* ]] && _outreply_option "$word"; then
                pending=1
                ((i++))
                ((i < ${#words[@]})) && pending=
            fi
        elif [[ $given == 0 && " $commands " == *" $word "* ]]; then
            path=${path:+$path }$word
            _outreply_command "$path"
        else
            ((given++))
        fi
    done
    if [[ -n $pending ]]; then
        _outreply_offer_kind "$kind"
    elif [[ -z $ended && $cur == --*=* ]]; then
        _outreply_option "${cur%%=*}" || return
        before=${cur%%=*}=
        cur=${cur#*=}
        _outreply_offer_kind "$kind"
        [[ $COMP_WORDBREAKS == *=* ]] && before=
    elif [[ -z $ended && $cur == -* ]]; then
        for one in $flags; do
            _outreply_offer "$one" ''
        done
    elif [[ -n $commands && $given == 0 ]]; then
        for one in $commands; do
            _outreply_offer "$one" ''
        done
    else
        for one in $arguments; do
            kind=${one%\*}
            ((given-- == 0)) && break
            [[ $one == *\* ]] || kind=
        done
        _outreply_offer_kind "$kind"
    fi
    # A single candidate is put on the line: without its text.
    if ((${#COMPREPLY[@]} == 1)) && [[ -n $plain ]]; then
        COMPREPLY=("$plain")
        [[ $plain == *[:,=] ]] && compopt -o nospace 2>/dev/null
    fi
    # bash replaces what follows the last colon alone.
    if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*:}"}"}")
    fi
    [[ -n $before ]] && COMPREPLY=("${COMPREPLY[@]/#/$before}")
    compopt -o nosort 2>/dev/null
    return 0
}

complete -F _outreply outreply
