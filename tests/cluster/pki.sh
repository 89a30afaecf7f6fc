# Sourced by up.sh: one certificate authority, the certificates and kubeconfigs of every program. Wants P (directory
# of keys), D (state directory), NODE_IP, SVC_IP, URL.

make_ca() { # NAME
  openssl ecparam -name prime256v1 -genkey -noout -out "$P/$1.key" 2>/dev/null
  openssl req -x509 -new -key "$P/$1.key" -subj "/CN=$1" -days 3650 -out "$P/$1.crt" \
    -addext keyUsage=critical,keyCertSign,digitalSignature 2>/dev/null
}

make_cert() { # NAME CA SUBJECT USAGE [SUBJECT_ALT_NAMES]
  openssl ecparam -name prime256v1 -genkey -noout -out "$P/$1.key" 2>/dev/null
  openssl req -new -key "$P/$1.key" -subj "$3" -out "$P/$1.csr" 2>/dev/null
  printf 'extendedKeyUsage=%s\nkeyUsage=critical,digitalSignature\n%s\n' "$4" "${5:+subjectAltName=$5}" >"$P/$1.ext"
  openssl x509 -req -in "$P/$1.csr" -CA "$P/$2.crt" -CAkey "$P/$2.key" -CAcreateserial -days 3650 -extfile "$P/$1.ext" \
    -out "$P/$1.crt" 2>/dev/null
  rm -f "$P/$1.csr" "$P/$1.ext"
}

make_kubeconfig() { # NAME CERTIFICATE
  cat >"$D/$1.kubeconfig" <<K
apiVersion: v1
kind: Config
clusters: [{name: local, cluster: {server: "$URL", certificate-authority-data: $(base64 -w0 <"$P/ca.crt")}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 <"$P/$2.crt"), client-key-data: $(base64 -w0 <"$P/$2.key")}}]
contexts: [{name: local, context: {cluster: local, user: $1}}]
current-context: local
K
}

make_pki() {
  [ ! -e "$P/done" ] || return 0
  local names=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc
  names=$names,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$NODE_IP,IP:$SVC_IP
  make_ca ca
  make_ca front-ca
  make_cert apiserver ca /CN=kube-apiserver serverAuth "$names"
  make_cert admin ca /O=system:masters/CN=admin clientAuth
  make_cert kcm ca /CN=system:kube-controller-manager clientAuth
  make_cert sched ca /CN=system:kube-scheduler clientAuth
  make_cert apiserver-kubelet ca /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
  make_cert node ca /O=system:nodes/CN=system:node:node1 clientAuth
  make_cert node-server ca /CN=node1 serverAuth "DNS:node1,IP:$NODE_IP,IP:127.0.0.1"
  make_cert proxy ca /CN=system:kube-proxy clientAuth
  make_cert front front-ca /CN=front-proxy-client clientAuth
  openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl pkcs8 -topk8 -nocrypt -out "$P/sa.key"
  openssl ec -in "$P/sa.key" -pubout -out "$P/sa.pub" 2>/dev/null
  touch "$P/done"
}

make_kubeconfigs() {
  make_kubeconfig admin admin
  make_kubeconfig kcm kcm
  make_kubeconfig scheduler sched
  make_kubeconfig kubelet node
  make_kubeconfig kube-proxy proxy
}
