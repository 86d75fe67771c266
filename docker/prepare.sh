#!/bin/sh
# Makes what docker compose needs and does not have yet, and says what it made: .env, the
# master keys and the password of PostgreSQL in it, a certificate for development. What is
# there is left alone, so that it can be run again at any time.
set -eu
umask 077
cd "$(dirname "$0")"
env=../.env

say() { echo "  $*"; }

# value NAME prints the value in .env.
value() { sed -n "s/^$1=//p" "$env" | tail -n 1; }

# put NAME VALUE writes a value into .env, in the place of an empty one.
put() {
    if grep -q "^$1=" "$env"; then
        NAME=$1 VALUE=$2 awk '
            index($0, ENVIRON["NAME"] "=") == 1 { print ENVIRON["NAME"] "=" ENVIRON["VALUE"]; next }
            { print }' "$env" >"$env.new"
        cat "$env.new" >"$env"
        rm -f "$env.new"
    else
        printf '%s=%s\n' "$1" "$2" >>"$env"
    fi
}

# certificate FOLDER HOST NAMES makes a self-signed one, which is no authority.
certificate() {
    printf '%s\n' '[req]' 'distinguished_name = name' 'x509_extensions = use' 'prompt = no' \
        '[name]' "CN = $2" '[use]' "subjectAltName = $3" 'basicConstraints = critical, CA:FALSE' \
        'keyUsage = critical, digitalSignature' 'extendedKeyUsage = serverAuth' >"$1/request.cnf"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 \
        -config "$1/request.cnf" -keyout "$1/tls.key" -out "$1/tls.crt" 2>/dev/null || {
        echo "openssl cannot make a certificate: put tls.crt and tls.key into docker/$1 yourself" >&2
        exit 1
    }
    rm -f "$1/request.cnf"
    chmod 755 "$1"
    chmod 644 "$1/tls.crt"
    # nginx and mailpit run as 101, or as who runs this: see NGINX_USER.
    if [ "$(id -u)" = 0 ]; then
        chown "${NGINX_USER:-101:101}" "$1/tls.key"
    fi
}

if [ ! -f "$env" ]; then
    cp ../configs/.env.example "$env"
    say "copied configs/.env.example to .env"
fi

for name in SECRET_KEY ENCRYPTION_KEY CA_ENCRYPTION_KEY; do
    [ -z "$(value $name)" ] || continue
    # The keys that make run made open what it sealed: with another one in .env, which is
    # read in development too, its database could not be used any more.
    file=../data/$(echo $name | tr '[:upper:]' '[:lower:]')
    if [ -s "$file" ]; then
        put $name "$(cat "$file")"
        say "$name: taken from ${file#../}"
    else
        put $name "$(head -c 32 /dev/urandom | base64 | tr -d '\n')"
        say "$name: made"
    fi
done

if [ -z "$(value POSTGRES_PASSWORD)" ]; then
    put POSTGRES_PASSWORD "$(od -An -N 24 -tx1 /dev/urandom | tr -d ' \n')"
    say "POSTGRES_PASSWORD: made"
fi

NGINX_USER=$(value NGINX_USER)
if [ -z "$NGINX_USER" ] && [ "$(id -u)" != 0 ]; then
    NGINX_USER=$(id -u):$(id -g)
    put NGINX_USER "$NGINX_USER"
    say "NGINX_USER: $NGINX_USER, who may read the certificate's key"
fi

tls=$(value NGINX_TLS_DIR)
tls=${tls:-../data/tls}
if [ ! -e "$tls/tls.crt" ] && [ ! -e "$tls/tls.key" ]; then
    mkdir -p "$tls"
    url=$(value PUBLIC_URL)
    host=${url#*://}
    host=${host%%[:/]*}
    host=${host:-localhost}
    case $host in
    localhost) names=DNS:localhost ;;
    *[!0-9.]*) names=DNS:$host,DNS:localhost ;;
    *) names=IP:$host,DNS:localhost ;;
    esac
    certificate "$tls" "$host" "$names,IP:127.0.0.1,IP:::1"
    say "made a self-signed certificate for $host in ${tls#../}: for development only"
fi

trust=$(value TRUST_DIR)
trust=${trust:-../data/trust}
mkdir -p "$trust"
chmod 755 "$trust"

if [ -z "$(value SMTP_HOST)" ] && [ "$(value MAIL_DISABLED)" != true ]; then
    if [ ! -e ../data/mailpit/tls.crt ]; then
        mkdir -p ../data/mailpit
        certificate ../data/mailpit mailpit DNS:mailpit,DNS:localhost
    fi
    cp ../data/mailpit/tls.crt "$trust/mailpit.crt"
    chmod 644 "$trust/mailpit.crt"
    if [ -z "$(value COMPOSE_PROFILES)" ]; then
        put COMPOSE_PROFILES dev
    fi
    say "SMTP_HOST is empty: mails end in mailpit, http://localhost:$(p=$(value MAILPIT_PORT); echo "${p:-8025}")"
fi
