#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "commands/commands.h"
#include "commands/model_loading.h"
#include "llm2clip/log.h"
#include "llm2clip/threads.h"
#include "serve/http/server.h"
#include "serve/http/sockets.h"
#include "serve/service.h"
#include "terminal/exit_code.h"

namespace llm2clip::serve {
namespace {

using cli::ServeFlags;

// Every connection is a descriptor, and systems allow programs more than they begin with.
void allow_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void check_model(const std::string& directory, const ModelInfo& info) {
  if (info.vision || (info.text && info.adapter)) return;
  throw Error(ErrorKind::bad_model,
              directory + ": has neither a vision part nor a text part with adapter");
}

Keys keys_of(const ServeFlags& flags) {
  return flags.api_key_file.empty() ? Keys() : Keys::read(flags.api_key_file);
}

// Whoever can reach the server could use it.
void check_open(const ServeFlags& flags, const Keys& keys) {
  if (!flags.socket.empty() || is_loopback(flags.host) || !keys.empty() || flags.no_auth) return;
  throw Error(ErrorKind::invalid_argument,
              "--host " + flags.host +
                  ": other machines may reach it; give --api-key-file FILE, or --no-auth where "
                  "everybody may use it");
}

void open_files(Service& service) {
  for (const std::string& path : service.flags.indexes) {
    Index index = Index::open(path);
    index.check_fits(service.info);
    service.indexes.push_back({name_of_path(path), std::move(index)});
  }
  for (const std::string& path : service.flags.label_banks) {
    Classifier bank = Classifier::load(path);
    bank.check_fits(service.info);
    service.label_banks.push_back({name_of_path(path), std::move(bank)});
  }
}

std::vector<Listening> listening_of(const ServeFlags& flags, boost::asio::io_context& io) {
  std::vector<Listening> all = listening_by_systemd(io);
  if (!all.empty()) return all;
  if (!flags.socket.empty()) {
    all.push_back(listen_on_path(io, flags.socket));
  } else {
    all.push_back(listen_on(io, flags.host, flags.port));
  }
  return all;
}

// The server for as long as the model is loaded and computes. Its thread has ended when it is
// destroyed.
class Running {
 public:
  Running(Service& service, Server& server)
      : service_(service), server_(server), thread_([this] {
          server_.run();
          service_.engine_stops = true;
          service_.engine.stop();
        }) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    server_.end();
    thread_.join();
    service_.end();
  }

 private:
  Service& service_;
  Server& server_;
  std::thread thread_;
};

Model load(const Service& service) {
  LoadOptions options = cli::load_options(service.flags.model);
  options.vision = service.embeds_images();
  options.text = service.embeds_texts();
  options.expected_inputs = cli::kUncounted;
  options.stop = [&] { return service.state == State::draining; };
  return Model::load(service.flags.model.directory, options);
}

Encoders encoders_of(const Service& service) {
  EncodeOptions options = service.flags.batch.encode;
  options.normalize = false;  // each route does it where it is wanted
  options.stop = [&] { return service.engine_stops.load(); };
  const Model& model = *service.model;
  return {
      .texts = [&, options](auto texts) { return model.encode_tokens(texts, options); },
      .crops = [&, options](auto crops) { return model.encode_crops(crops, options); },
  };
}

// The first batch makes what later ones find ready, and shows that the model works.
void run_first_batch(const Service& service, const Encoders& encoders) {
  if (service.embeds_texts()) {
    encoders.texts(std::vector<Tokens>{service.model->tokenizer().encode("a photo")});
  }
  if (service.embeds_images()) {
    const auto side = static_cast<std::size_t>(service.info.preprocess.image_size);
    encoders.crops(std::vector<std::uint8_t>(3 * side * side, 128));
  }
}

// The library's lines are lines of the server while it lives.
class LibraryLog {
 public:
  explicit LibraryLog(LogLines& log) {
    set_log_callback(
        [&log](LogLevel, std::string_view line) { log.warning("library", {{"message", line}}); },
        LogLevel::warning);
  }
  LibraryLog(const LibraryLog&) = delete;
  LibraryLog& operator=(const LibraryLog&) = delete;
  ~LibraryLog() { set_log_callback({}); }
};

// Loads, tells that it is ready, and computes until the server ends.
void compute(Service& service) {
  const LibraryLog lines(service.log);
  try {
    service.model = load(service);
    const Encoders encoders = encoders_of(service);
    run_first_batch(service, encoders);
    State loading = State::loading;
    if (!service.state.compare_exchange_strong(loading, State::ready)) return;
    service.log.info("ready", {{"model", service.info.name}});
    tell_systemd("READY=1");
    service.engine.run(encoders);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::cancelled) throw;
  }
}

}  // namespace
}  // namespace llm2clip::serve

namespace llm2clip::cli {

int run_serve(const ServeFlags& flags, Messages& messages) {
  const ModelInfo info = read_model_info(flags.model.directory);
  serve::check_model(flags.model.directory, info);
  serve::Keys keys = serve::keys_of(flags);
  serve::check_open(flags, keys);
  if (flags.model.threads > 0) set_threads(flags.model.threads);
  serve::allow_descriptors();

  serve::Service service(flags, info, messages.is_quiet());
  serve::open_files(service);
  boost::asio::io_context io(1);
  std::vector<serve::Listening> listening = serve::listening_of(flags, io);
  bool local = keys.empty();
  for (const serve::Listening& one : listening) local = local && one.loopback;
  serve::Server server(service, io, serve::Door(std::move(keys), flags.host, local),
                       std::move(listening));
  const serve::Running running(service, server);
  serve::compute(service);
  return kDone;
}

}  // namespace llm2clip::cli
