#include "config/serve_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "config/documentation.h"
#include "config/option_table.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

/// The file with its settings in force: prose begins with "# ", a setting with "#" alone.
std::string Uncomment(const std::string& reference) {
  std::istringstream lines(reference);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const bool setting = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    text += line.substr(setting ? 1 : 0) + "\n";
  }
  return text;
}

class ServeCommandTest : public ::testing::Test {
 protected:
  ServeCommandTest() : folder_(fmt::format("{}accelerd_config_{}", ::testing::TempDir(), getpid())) {
    std::filesystem::create_directory(folder_);
  }
  ~ServeCommandTest() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<ServeCommand> Parse(const std::vector<std::string>& args) {
    return ParseServeCommand(args, environment_);
  }

  /// The options that `args` lead to.
  ServeOptions Options(const std::vector<std::string>& args) {
    auto command = Parse(args);
    EXPECT_TRUE(command.ok()) << command.status();
    return command.ok() ? command->options : ServeOptions();
  }

  std::string Error(const std::vector<std::string>& args) {
    auto command = Parse(args);
    EXPECT_EQ(command.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(Message(command.status()));
  }

  std::string WriteFile(const std::string& text) {
    const std::string path = folder_ + "/accelerd.toml";
    std::ofstream(path) << text;
    return path;
  }

  std::string FileError(const std::string& text) { return Error({"--config", WriteFile(text)}); }

  const std::string folder_;
  Environment environment_{.variables = {}, .working_directory = "/work", .home = "/home/ada", .root = false};
};

TEST_F(ServeCommandTest, DefaultsOfAUser) {
  const ServeOptions options = Options({});
  EXPECT_THAT(options.listen, ElementsAre("127.0.0.1:5001", "[::1]:5001"));
  EXPECT_TRUE(options.listen_by_default);
  EXPECT_EQ(options.socket_mode, 0660);
  EXPECT_EQ(options.socket_group, "");
  EXPECT_EQ(options.log_level, "info");
  EXPECT_EQ(options.drain_delay, 0s);
  EXPECT_EQ(options.drain_timeout, 30s);
  EXPECT_EQ(options.request_timeout, 30s);
  EXPECT_EQ(options.device, "CPU");
  EXPECT_EQ(options.precision, "default");
  EXPECT_EQ(options.performance_hint, "throughput");
  EXPECT_EQ(options.cpu_threads, 0);
  EXPECT_EQ(options.models, "");
  EXPECT_THAT(options.load, ElementsAre("all"));
  EXPECT_THAT(options.allow_path, IsEmpty());
  EXPECT_EQ(options.cache_dir, "/home/ada/.cache/accelerd");
  EXPECT_EQ(options.state_dir, "/home/ada/.local/state/accelerd");
  EXPECT_EQ(options.lock_dir, "/run/lock");
  EXPECT_EQ(options.max_connections, 1024);
  EXPECT_EQ(options.max_header_bytes, 16U << 10);
  EXPECT_EQ(options.max_body_bytes, 32U << 20);
  EXPECT_EQ(options.max_total_body_bytes, 256U << 20);
  EXPECT_EQ(options.body_wait, 5s);
  EXPECT_EQ(options.max_total_response_bytes, 256U << 20);
  EXPECT_EQ(options.header_timeout, 10s);
  EXPECT_EQ(options.body_timeout, 30s);
  EXPECT_EQ(options.idle_timeout, 75s);
  EXPECT_EQ(options.write_timeout, 30s);
  EXPECT_EQ(options.min_rate, 1U << 10);
  EXPECT_EQ(options.max_queue, 256);
  EXPECT_EQ(options.max_client_queue, 256);
  EXPECT_EQ(options.max_clients, 1000);
  EXPECT_EQ(options.max_prepared_bytes, 256U << 20);
  EXPECT_EQ(options.max_image_pixels, 100'000'000);
  EXPECT_EQ(options.max_image_dimension, 65'535);
  EXPECT_EQ(options.max_decode_bytes, 1U << 30);
  EXPECT_FALSE(options.accept_damaged_images);
  EXPECT_EQ(options.max_file_bytes, 32U << 20);
}

TEST_F(ServeCommandTest, FoldersDependOnTheUser) {
  environment_.variables = {{"XDG_CACHE_HOME", "/xdg"}, {"XDG_STATE_HOME", "relative"}};
  EXPECT_EQ(Options({}).cache_dir, "/xdg/accelerd");
  EXPECT_EQ(Options({}).state_dir, "/home/ada/.local/state/accelerd");
  environment_.root = true;
  EXPECT_EQ(Options({}).cache_dir, "/var/cache/accelerd");
  EXPECT_EQ(Options({}).state_dir, "/var/lib/accelerd");
  environment_ = {.variables = {}, .working_directory = "/work", .home = "", .root = false};
  EXPECT_EQ(Options({}).cache_dir, "");
  EXPECT_EQ(Options({"--cache-dir", "none"}).cache_dir, "");
}

TEST_F(ServeCommandTest, FlagsOverEnvironmentOverFileOverDefault) {
  const std::string file = WriteFile("max-queue = 1\nmax-connections = 1\ncpu-threads = 1\n");
  environment_.variables = {
      {"ACCELERD_CONFIG", file}, {"ACCELERD_MAX_CONNECTIONS", "2"}, {"ACCELERD_CPU_THREADS", "2"}};
  const ServeOptions options = Options({"--cpu-threads", "3"});
  EXPECT_EQ(options.max_image_dimension, 65'535);
  EXPECT_EQ(options.max_queue, 1);
  EXPECT_EQ(options.max_connections, 2);
  EXPECT_EQ(options.cpu_threads, 3);
}

TEST_F(ServeCommandTest, ListsAreReplacedNotJoined) {
  const std::string file = WriteFile("listen = [\"h:1\", \"h:2\"]\n");
  EXPECT_THAT(Options({"--config", file}).listen, ElementsAre("h:1", "h:2"));
  environment_.variables = {{"ACCELERD_LISTEN", "h:3,[::1]:4"}};
  EXPECT_THAT(Options({"--config", file}).listen, ElementsAre("h:3", "[::1]:4"));
  EXPECT_THAT(Options({"--config", file, "--listen", "h:5", "--listen=unix:s"}).listen,
              ElementsAre("h:5", "unix:/work/s"));
}

TEST_F(ServeCommandTest, LastOfARepeatedFlagCounts) {
  EXPECT_EQ(Options({"--device", "CPU", "--device", "NPU"}).device, "NPU");
}

TEST_F(ServeCommandTest, FileOfFlagGoesBeforeFileOfVariable) {
  environment_.variables = {{"ACCELERD_CONFIG", "/nowhere.toml"}};
  EXPECT_THAT(Error({}), HasSubstr("/nowhere.toml: No such file or directory"));
  EXPECT_EQ(Options({"--config", WriteFile("device = \"GPU\"")}).device, "GPU");
  EXPECT_THAT(Error({"--config", folder_}), HasSubstr("is not a regular file"));
  const std::string fifo = folder_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(Error({"--config", fifo}), HasSubstr("is not a regular file"));
}

TEST_F(ServeCommandTest, PathsStartAtTheirSource) {
  const std::string file = WriteFile("models = \"m\"\nallow-path = [\"a\", \"/b\"]\n");
  EXPECT_EQ(Options({"--config", file}).models, folder_ + "/m");
  EXPECT_THAT(Options({"--config", file}).allow_path, ElementsAre(folder_ + "/a", "/b"));
  environment_.variables = {{"ACCELERD_MODELS", "./m"}};
  EXPECT_EQ(Options({"--config", file}).models, "/work/m");
  EXPECT_EQ(Options({"--models", "../n"}).models, "/work/../n");
}

TEST_F(ServeCommandTest, FileTakesNumbersAndTexts) {
  const ServeOptions options = Options(
      {"--config", WriteFile("drain-timeout = 2\nbody-wait = 0.25\nidle-timeout = \"1m\"\nmax-body-bytes = 4096\n"
                             "max-file-bytes = \"64kB\"\nsocket-mode = 0o600\nload = [\"none\"]\n")});
  EXPECT_EQ(options.drain_timeout, 2s);
  EXPECT_EQ(options.body_wait, 250ms);
  EXPECT_EQ(options.idle_timeout, 60s);
  EXPECT_EQ(options.max_body_bytes, 4096U);
  EXPECT_EQ(options.max_file_bytes, 64'000U);
  EXPECT_EQ(options.socket_mode, 0600);
  EXPECT_THAT(options.load, ElementsAre("none"));
}

TEST_F(ServeCommandTest, UnknownKeyHasItsPlaceAndASuggestion) {
  EXPECT_EQ(FileError("device = \"CPU\"\n\n  max-queu = 1\n"),
            folder_ + "/accelerd.toml:3:3: unknown key \"max-queu\"; did you mean \"max-queue\"?");
  EXPECT_THAT(FileError("[limits]\nmax-queue = 1\n"), HasSubstr("unknown key \"limits\""));
  EXPECT_THAT(FileError("zebra = 1\n"), Not(HasSubstr("did you mean")));
  EXPECT_THAT(FileError("config = \"x\"\n"), HasSubstr("unknown key \"config\""));
}

TEST_F(ServeCommandTest, BrokenTomlHasItsPlace) {
  EXPECT_THAT(FileError("device = \"CPU\"\nlisten = [\n"), StartsWith(folder_ + "/accelerd.toml:"));
  EXPECT_THAT(FileError("max-queue = 1\nmax-queue = 2\n"), HasSubstr("accelerd.toml:2:"));
  EXPECT_THAT(FileError(std::string((1 << 20) + 1, '#')), HasSubstr("the limit is 1048576"));
}

TEST_F(ServeCommandTest, WrongTypeNamesLineAndWhatIsAccepted) {
  EXPECT_EQ(FileError("\nmax-queue = \"many\"\n"), folder_ +
                                                       "/accelerd.toml:2:1: a string is not accepted: max-queue takes "
                                                       "a whole number from 1 to 1000000");
  EXPECT_THAT(FileError("listen = \"h:1\"\n"), HasSubstr("a string is not accepted: listen takes an array of strings"));
  EXPECT_THAT(FileError("load = [\"a\", 1]\n"), HasSubstr("an array with an integer in it is not accepted"));
  EXPECT_THAT(FileError("device = true\n"), HasSubstr("a boolean is not accepted"));
  EXPECT_THAT(FileError("max-body-bytes = 1.5\n"), HasSubstr("a floating-point number is not accepted"));
  EXPECT_THAT(FileError("listen = []\n"), HasSubstr("an empty list is not accepted"));
}

TEST_F(ServeCommandTest, OutOfRangeNamesSourceValueAndWhatIsAccepted) {
  EXPECT_EQ(Error({"--max-queue", "0"}),
            "--max-queue: \"0\" is not accepted: max-queue takes a whole number from 1 to 1000000");
  environment_.variables = {{"ACCELERD_IDLE_TIMEOUT", "5x"}};
  EXPECT_THAT(
      Error({"--idle-timeout", "5s"}),
      StartsWith("ACCELERD_IDLE_TIMEOUT: \"5x\" is not accepted: idle-timeout takes a duration from 10ms to 24h"));
  environment_.variables.clear();
  EXPECT_THAT(
      FileError("max-header-bytes = \"1GiB\"\n"),
      HasSubstr("accelerd.toml:1:1: \"1GiB\" is not accepted: max-header-bytes takes a size from 1KiB to 1MiB"));
  EXPECT_THAT(Error({"--listen", "h:1", "--listen", "5001"}), StartsWith("--listen: \"5001\" is not accepted"));
  EXPECT_THAT(Error({"--log-level", "loud"}), HasSubstr("one of trace, debug, info, warning, error"));
  EXPECT_THAT(Error({"--models", ""}), StartsWith("--models: \"\" is not accepted"));
  EXPECT_THAT(Error({"--cpu-threads", "-1"}), StartsWith("--cpu-threads: \"-1\" is not accepted"));
}

TEST_F(ServeCommandTest, WrongArguments) {
  EXPECT_EQ(Error({"--modles", "m"}), "unknown flag --modles; did you mean --models?");
  EXPECT_EQ(Error({"--modles=m"}), "unknown flag --modles; did you mean --models?");
  EXPECT_EQ(Error({"-x"}), "unknown flag -x");
  EXPECT_EQ(Error({"models"}), "serve does not take the argument \"models\"");
  EXPECT_EQ(Error({"--load", "a", "b"}), "serve does not take the argument \"b\"");
  EXPECT_EQ(Error({"--device"}), "--device needs a value");
}

TEST_F(ServeCommandTest, SuggestsTheOptionThatOtherProgramsCallDifferently) {
  EXPECT_EQ(Error({"--port", "80"}), "unknown flag --port; did you mean --listen HOST:PORT?");
  EXPECT_EQ(Error({"--rest_port=80"}), "unknown flag --rest_port; did you mean --listen HOST:PORT?");
  EXPECT_EQ(Error({"--model-repository", "m"}), "unknown flag --model-repository; did you mean --models DIR?");
  EXPECT_EQ(Error({"--verbose"}), "unknown flag --verbose; did you mean --log-level debug?");
  EXPECT_THAT(FileError("host = \"a\"\n"), HasSubstr("unknown key \"host\"; did you mean \"listen\"?"));
}

TEST_F(ServeCommandTest, EverySynonymLeadsToAnOption) {
  for (const char* name : {"port", "Socket", "model_path", "target_device", "QUIET", "threads"}) {
    const OptionSynonym* synonym = FindSynonym(name);
    ASSERT_NE(synonym, nullptr) << name;
    EXPECT_NE(FindOption(synonym->option), nullptr) << name;
  }
  for (const Option& option : OptionTable()) {
    EXPECT_EQ(FindSynonym(option.name), nullptr) << option.name;
  }
  EXPECT_EQ(FindSynonym(""), nullptr);
}

TEST_F(ServeCommandTest, ChoicesAreOfAnyCaseAndHaveAliases) {
  EXPECT_EQ(Options({"--log-level", "WARN"}).log_level, "warning");
  EXPECT_EQ(Options({"--log-level", "Warning"}).log_level, "warning");
  EXPECT_EQ(Options({"--precision", "FP16", "--isolation", "Worker"}).precision, "f16");
  EXPECT_EQ(Options({"--cache-dir", "None"}).cache_dir, "");
  environment_.variables = {{"ACCELERD_LOG_LEVEL", " debug\n"}, {"ACCELERD_MAX_QUEUE", "7 "}};
  EXPECT_EQ(Options({}).log_level, "debug");
  EXPECT_EQ(Options({}).max_queue, 7);
}

TEST_F(ServeCommandTest, ElementsOfAVariableMayStandApart) {
  environment_.variables = {{"ACCELERD_LISTEN", "127.0.0.1:1, unix:/a.sock ,127.0.0.1:2"}};
  EXPECT_THAT(Options({}).listen, ElementsAre("127.0.0.1:1", "unix:/a.sock", "127.0.0.1:2"));
}

TEST_F(ServeCommandTest, Switches) {
  EXPECT_TRUE(Options({"--accept-damaged-images"}).accept_damaged_images);
  EXPECT_TRUE(Options({"--accept-damaged-images", "--max-queue", "7"}).accept_damaged_images);
  EXPECT_TRUE(Options({"--accept-damaged-images=yes"}).accept_damaged_images);
  EXPECT_FALSE(Options({"--accept-damaged-images", "false"}).accept_damaged_images);
  EXPECT_TRUE(Options({"--config", WriteFile("accept-damaged-images = true\n")}).accept_damaged_images);
  EXPECT_THAT(FileError("accept-damaged-images = 1\n"), HasSubstr("accept-damaged-images takes true or false"));
  EXPECT_THAT(Error({"--accept-damaged-images", "maybe"}), HasSubstr("\"maybe\" is not accepted"));
  environment_.variables = {{"ACCELERD_ACCEPT_DAMAGED_IMAGES", "True"}};
  EXPECT_TRUE(Options({}).accept_damaged_images);
  EXPECT_FALSE(Options({"--accept-damaged-images=false"}).accept_damaged_images);
}

TEST_F(ServeCommandTest, OriginsAndHosts) {
  const ServeOptions options = Options({"--allow-origin", "https://Robot.example:8443", "--allow-origin=*",
                                        "--allow-host", "Robot.example", "--allow-host", "*"});
  EXPECT_THAT(options.allow_origin, ElementsAre("https://robot.example:8443", "*"));
  EXPECT_THAT(options.allow_host, ElementsAre("robot.example", "*"));
  for (const char* origin : {"robot.example", "http://", "http://a/", "://a", "null", "", "http://a b", "http://*"}) {
    EXPECT_THAT(Error({"--allow-origin", origin}), HasSubstr("SCHEME://HOST")) << origin;
  }
  for (const char* host : {"a:1", "http://a", "", "a/b", "a b"}) {
    EXPECT_THAT(Error({"--allow-host", host}), HasSubstr("names of hosts")) << host;
  }
}

TEST_F(ServeCommandTest, NothingBehindAnEqualsSignIsTheEmptyValue) {
  const ServeOptions options = Options({"--socket-group=", "--max-queue", "7"});
  EXPECT_EQ(options.socket_group, "");
  EXPECT_EQ(options.max_queue, 7);
  EXPECT_EQ(Options({"--socket-group", "users", "--socket-group="}).socket_group, "");
  EXPECT_THAT(Error({"--device=", "--max-queue=7"}), StartsWith("--device: \"\" is not accepted"));
  EXPECT_THAT(Error({"--allow-path="}), StartsWith("--allow-path: \"\" is not accepted"));
  // What follows a flag is its value, whatever it looks like.
  EXPECT_EQ(Options({"--worker-command", "--device="}).worker_command, "--device=");
}

TEST_F(ServeCommandTest, OptionsThatDoNotFitTogether) {
  EXPECT_THAT(Error({"--load", "digits"}), HasSubstr("give it with --models DIR"));
  EXPECT_THAT(Error({"--models", "m", "--load", "digits", "--load", "all"}), HasSubstr("not both"));
  EXPECT_THAT(Error({"--max-body-bytes", "512MiB"}),
              HasSubstr("max-body-bytes (512MiB) is more than max-total-body-bytes (256MiB)"));
  EXPECT_THAT(Error({"--listen", "h:1", "--listen", "h:1"}), HasSubstr("listen names h:1 twice"));
  EXPECT_THAT(Error({"--isolation", "none", "--worker-command", "w"}), HasSubstr("isolation is none"));
  EXPECT_THAT(Error({"--isolation", "none", "--allow-models", "/m"}), HasSubstr("from /m, and such models run in a"));
  EXPECT_THAT(Options({"--isolation", "none", "--allow-path", "/"}).allow_models, IsEmpty());
  EXPECT_THAT(Options({"--load", "none"}).load, ElementsAre("none"));
  EXPECT_THAT(Options({"--models", "m", "--load", "a", "--load", "b"}).load, ElementsAre("a", "b"));
}

TEST_F(ServeCommandTest, EmptyVariableCountsAsNotSet) {
  environment_.variables = {{"ACCELERD_DEVICE", ""}, {"ACCELERD_CONFIG", ""}};
  EXPECT_EQ(Options({}).device, "CPU");
}

TEST_F(ServeCommandTest, WarnsOfMisspeltVariables) {
  environment_.variables = {{"ACCELERD_MODLES", "/m"}, {"ACCELERD_PORT_5001_TCP_ADDR", "1"}, {"ACCELERD_URL", "x"}};
  auto command = Parse({});
  ASSERT_TRUE(command.ok());
  EXPECT_THAT(command->warnings, ElementsAre(HasSubstr("did you mean ACCELERD_MODELS?")));

  environment_.variables = {{"ACCELERD_PORT", "tcp://10.0.0.1:80"}, {"ACCELERD_HOST", "0.0.0.0"}};
  command = Parse({});
  ASSERT_TRUE(command.ok());
  EXPECT_THAT(command->warnings, ElementsAre(HasSubstr("ACCELERD_HOST is no option and was ignored; did you mean "
                                                       "ACCELERD_LISTEN?")));
}

TEST_F(ServeCommandTest, HelpNamesEveryOption) {
  auto command = Parse({"--device", "GPU", "--help"});
  ASSERT_TRUE(command.ok());
  EXPECT_EQ(command->action, ServeCommand::Action::kHelp);
  for (const Option& option : OptionTable()) {
    EXPECT_THAT(command->text, HasSubstr(fmt::format("  --{} {}", option.name, option.placeholder)));
  }
  std::istringstream lines(command->text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 82U) << line;
  }
}

TEST_F(ServeCommandTest, CheckShowsValuesAndTheirSources) {
  environment_.variables = {{"ACCELERD_MAX_QUEUE", "7"}};
  const std::string file = WriteFile("body-wait = 1\n");
  auto command = Parse({"--check-config", "--config", file, "--listen", "unix:/a\"b"});
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_EQ(command->action, ServeCommand::Action::kCheck);
  EXPECT_THAT(command->text, ::testing::ContainsRegex("max-queue = 7 +# environment ACCELERD_MAX_QUEUE\n"));
  EXPECT_THAT(command->text, ::testing::ContainsRegex("body-wait = \"1s\" +# file .*/accelerd.toml:1:1\n"));
  EXPECT_THAT(command->text, HasSubstr("listen = [\"unix:/a\\\"b\"]"));
  EXPECT_THAT(command->text, ::testing::ContainsRegex("device = \"CPU\" +# default\n"));
  // What is printed is a configuration file for the same options.
  const std::string again = WriteFile(command->text);
  environment_.variables.clear();
  EXPECT_THAT(Options({"--config", again}).listen, ElementsAre("unix:/a\"b"));
  EXPECT_EQ(Options({"--config", again}).max_queue, 7);
}

TEST_F(ServeCommandTest, ReferenceFileIsTheDefaults) {
  environment_.root = true;
  const std::string reference = ReferenceConfig();
  const std::string uncommented = Uncomment(reference);
  const ServeOptions from_file = Options({"--config", WriteFile(uncommented)});
  const ServeOptions defaults = Options({});
  for (const Option& option : OptionTable()) {
    EXPECT_THAT(uncommented, HasSubstr(fmt::format("\n{} = ", option.name)));
    EXPECT_EQ(TomlValue(option, from_file), TomlValue(option, defaults)) << option.name;
  }
  EXPECT_EQ(TomlValue(*FindOption("listen"), Options({"--config", WriteFile(reference)})),
            "[\"127.0.0.1:5001\", \"[::1]:5001\"]");
}

TEST(OptionTable, NamesAreUniqueAndPlain) {
  std::set<std::string_view> names;
  for (const Option& option : OptionTable()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_EQ(option.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos) << option.name;
    EXPECT_FALSE(option.help.ends_with(".")) << option.name;
  }
  EXPECT_EQ(VariableName(*FindOption("max-total-body-bytes")), "ACCELERD_MAX_TOTAL_BODY_BYTES");
}

TEST(ConfigurationMarkdown, HasEveryOptionAndVariable) {
  const std::string markdown = ConfigurationMarkdown();
  for (const Option& option : OptionTable()) {
    EXPECT_THAT(markdown, HasSubstr(fmt::format("### `{}`", option.name)));
    EXPECT_THAT(markdown, HasSubstr(fmt::format("variable `{}`", VariableName(option))));
  }
  EXPECT_THAT(markdown, HasSubstr("/var/cache/accelerd for root, else $XDG_CACHE_HOME/accelerd or ~/.cache/accelerd"));
}

}  // namespace
}  // namespace accelerd
