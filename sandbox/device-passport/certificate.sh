#!/bin/sh
# A certificate for this machine's own address: certificate.sh FOLDER makes key.pem and
# cert.pem there. One that is good for a month more is kept; it is its own authority.
set -eu
dir=$1
if openssl x509 -in "$dir/cert.pem" -noout -checkend 2592000 > /dev/null 2>&1; then exit 0; fi
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 \
  -subj '/CN=device-passport.sandbox' -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost' \
  -keyout "$dir/key.pem" -out "$dir/cert.pem" 2> /dev/null
