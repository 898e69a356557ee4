#include "cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/client_command.h"
#include "cli/table.h"

namespace accelerd {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Environment kEnvironment{.variables = {}, .working_directory = "/work", .home = "", .root = false};

ClientArguments Parse(const std::string& command, const std::vector<std::string>& args) {
  auto arguments = ParseClientArguments(command, args, kEnvironment);
  EXPECT_TRUE(arguments.ok()) << arguments.status();
  return arguments.ok() ? *arguments : ClientArguments();
}

std::string Error(const std::string& command, const std::vector<std::string>& args) {
  const auto arguments = ParseClientArguments(command, args, kEnvironment);
  EXPECT_EQ(arguments.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(Message(arguments.status()));
}

TEST(ParseClientArguments, Tasks) {
  const ClientArguments arguments =
      Parse("segment", {"deeplab", "a.jpg", "--json", "--labels", "voc.txt", "--url", "unix:/s", "--timeout", "5s"});
  EXPECT_EQ(arguments.model, "deeplab");
  EXPECT_THAT(arguments.files, ElementsAre("a.jpg"));
  EXPECT_TRUE(arguments.json);
  EXPECT_EQ(arguments.labels, "voc.txt");
  EXPECT_EQ(arguments.url, "unix:/s");
  EXPECT_EQ(arguments.timeout, 5s);
  EXPECT_THAT(Parse("classify", {"m", "-", "--json", "b", "c"}).files, ElementsAre("-", "b", "c"));
  EXPECT_THAT(Parse("classify", {"m", "--", "-x.jpg"}).files, ElementsAre("-x.jpg"));
  EXPECT_THAT(Parse("detect", {"--path", "m", "a", "/b"}).files, ElementsAre("/work/a", "/b"));
  EXPECT_EQ(Parse("infer", {"m", "a", "--output", "boxes", "-o", "x.npy"}).output_name, "boxes");
  EXPECT_EQ(Parse("infer", {"m", "a", "-o", "x.npy"}).output_file, "x.npy");
  EXPECT_TRUE(Parse("detect", {"m", "a", "--all", "--threshold", "0.5"}).all_boxes);
  EXPECT_FALSE(Parse("detect", {"m", "a"}).all_boxes);
  EXPECT_EQ(Parse("classify", {"m", "a", "--threshold", "0.5"}).threshold, "0.5");
}

TEST(ParseClientArguments, Models) {
  const ClientArguments load = Parse("load", {"digits", "models"});
  EXPECT_EQ(load.model, "digits");
  EXPECT_EQ(load.directory, "/work/models");
  EXPECT_EQ(load.timeout, 10min);
  EXPECT_THAT(Parse("unload", {"a", "b"}).models, ElementsAre("a", "b"));
  EXPECT_EQ(Parse("list", {}).timeout, 60s);
}

TEST(ParseClientArguments, UrlOfFlagGoesBeforeVariableBeforeDefault) {
  Environment environment = kEnvironment;
  EXPECT_EQ(Parse("list", {}).url, "http://127.0.0.1:5001");
  environment.variables["ACCELERD_URL"] = "http://h:1";
  EXPECT_EQ(ParseClientArguments("list", {}, environment)->url, "http://h:1");
  const std::vector<std::string> args = {"--url", "http://h:2"};
  EXPECT_EQ(ParseClientArguments("list", args, environment)->url, "http://h:2");
}

TEST(ParseClientArguments, UsageErrors) {
  EXPECT_THAT(Error("classify", {}), HasSubstr("MODEL"));
  EXPECT_THAT(Error("classify", {"m"}), HasSubstr("FILE"));
  EXPECT_THAT(Error("classify", {"m", "f", "-o", "x"}), HasSubstr("unknown flag -o"));
  EXPECT_EQ(Error("infer", {"m", "f", "-o"}), "-o needs a value");
  EXPECT_EQ(Error("list", {"--josn"}), "unknown flag --josn; did you mean --json?");
  EXPECT_EQ(Error("list", {"x"}), "list does not take the argument \"x\"");
  EXPECT_THAT(Error("load", {"m"}), HasSubstr("DIR"));
  EXPECT_EQ(Error("load", {"m", "d", "e"}), "load does not take the argument \"e\"");
  EXPECT_EQ(Error("shape", {"m", "n"}), "shape does not take the argument \"n\"");
  EXPECT_THAT(Error("classify", {"m", "-", "-"}), HasSubstr("once only"));
  EXPECT_THAT(Error("classify", {"m", "-", "--path"}), HasSubstr("has no path"));
  EXPECT_THAT(Error("segment", {"m", "a", "b", "-o", "x.png"}), HasSubstr("-o writes the result of one file"));
  EXPECT_THAT(Error("segment", {"m", "a", "-o", "-", "--json"}), HasSubstr("choose one"));
  EXPECT_THAT(Error("list", {"--timeout", "soon"}), HasSubstr("\"soon\" is no duration"));
  EXPECT_THAT(Error("frobnicate", {}), HasSubstr("no client command"));
  for (const char* threshold : {"1.5", "-0.1", "half", "nan", "0x1", "90%"}) {
    EXPECT_THAT(Error("detect", {"m", "a", "--threshold", threshold}), HasSubstr("no number from 0 to 1")) << threshold;
  }
  EXPECT_THAT(Error("classify", {"m", "a", "--all"}), HasSubstr("unknown flag --all"));
  EXPECT_THAT(Error("segment", {"m", "a", "--threshold", "1"}), HasSubstr("unknown flag --threshold"));
}

TEST(ParseClientArguments, EachCommandHasHelp) {
  for (const char* command : {"list", "load", "unload", "shape", "infer", "classify", "detect", "segment"}) {
    EXPECT_TRUE(IsClientCommand(command));
    EXPECT_THAT(ClientCommandsHelp(), HasSubstr(command));
    const std::string help = Parse(command, {"--help"}).help;
    EXPECT_THAT(help, HasSubstr(std::string("accelerd ") + command));
    EXPECT_THAT(help, HasSubstr("--url"));
    EXPECT_THAT(help, HasSubstr("Exit status"));
  }
  EXPECT_FALSE(IsClientCommand("serve"));
}

TEST(Table, AlignsColumns) {
  Table table({{"CLASS"}, {"LABEL", Table::Align::kLeft}, {"N"}});
  table.AddRow({"7", "grüße", "1"});
  table.AddRow({"1000", "a\nb", "22"});
  EXPECT_EQ(table.Render(),
            "CLASS  LABEL    N\n"
            "    7  grüße    1\n"
            " 1000  a\\x0ab  22\n");
}

TEST(Table, HasNoSpacesAtTheEnd) {
  Table table({{"A"}, {"LABEL", Table::Align::kLeft}});
  table.AddRow({"1", ""});
  EXPECT_EQ(table.Render(), "A  LABEL\n1\n");
}

}  // namespace
}  // namespace accelerd
