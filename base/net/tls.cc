#include "base/net/tls.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/verify_context.hpp>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/net/tls_impl.h"

namespace wan::net {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

std::unexpected<Error> bad_settings(std::string_view what, const error_code& error) {
  return fail(invalid_argument("TLS: " + std::string(what) + ": " + error.message()));
}

Status load_trust(ssl::context& context, const std::string& ca_pem) {
  error_code error;
  if (ca_pem.empty()) {
    context.set_default_verify_paths(error);
    if (error) return bad_settings("the system's trust store cannot be read", error);
    return {};
  }
  context.add_certificate_authority(boost::asio::buffer(ca_pem), error);
  if (error) return bad_settings("the CA certificates are not PEM", error);
  return {};
}

Status load_identity(ssl::context& context, const TlsClientSettings& settings) {
  if (settings.client_certificate_pem.empty() != settings.client_key_pem.empty()) {
    return fail(invalid_argument("TLS: a client certificate and its key are needed together"));
  }
  if (settings.client_certificate_pem.empty()) return {};
  error_code error;
  context.use_certificate_chain(boost::asio::buffer(settings.client_certificate_pem), error);
  if (error) return bad_settings("the client certificate is not PEM", error);
  context.use_private_key(boost::asio::buffer(settings.client_key_pem), ssl::context::pem, error);
  if (error) return bad_settings("the client key is not PEM or does not fit the certificate", error);
  return {};
}

}  // namespace

Result<std::shared_ptr<TlsContext>> make_tls_context(const TlsClientSettings& settings) {
  auto made = std::make_shared<TlsContext>();
  ssl::context& context = made->context;
  made->server_name = settings.server_name;
  WAN_TRY_VOID(load_trust(context, settings.ca_pem));
  WAN_TRY_VOID(load_identity(context, settings));
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  // Only HTTP/1.1 is spoken here: a server that is offered nothing may pick HTTP/2.
  constexpr unsigned char kAlpn[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(context.native_handle(), kAlpn, sizeof kAlpn - 1);
  return made;
}

bool TlsVerifier::operator()(bool preverified, ssl::verify_context& context) const {
  if (!preverified) {
    *complaint_ = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.native_handle()));
  } else if (!rule_(true, context)) {
    *complaint_ = "the certificate is for another name";
  }
  return complaint_->empty();
}

Status set_server_name(SSL* ssl, const std::string& name) {
  error_code not_an_address;
  boost::asio::ip::make_address(name, not_an_address);
  if (not_an_address && SSL_set_tlsext_host_name(ssl, name.c_str()) != 1) {
    return fail(invalid_argument("TLS: \"" + name + "\" cannot be a server name"));
  }
  return {};
}

}  // namespace wan::net
