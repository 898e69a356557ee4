#include "backend/openvino/ir_scan.h"

#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd::openvino {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

std::string Repeat(std::string_view text, int times) {
  std::string repeated;
  for (int i = 0; i < times; ++i) {
    repeated += text;
  }
  return repeated;
}

std::string Net(const std::string& inside) {
  return "<?xml version=\"1.0\"?>\n<net name=\"a>b\" version=\"11\">" + inside + "</net>";
}

std::string Graphs(int levels) {
  return "<layers>" + Repeat("<layer><then_body><layers>", levels) + Repeat("</layers></then_body></layer>", levels) +
         "</layers>";
}

void ExpectRefused(const std::string& xml, const std::string& message) {
  const absl::Status status = ScanIr(xml).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << xml.substr(0, 80);
  EXPECT_THAT(Message(status), HasSubstr(message)) << xml.substr(0, 80);
}

TEST(IrScan, FindsTheVersionAndTheEndOfTheWeights) {
  const absl::StatusOr<IrFacts> facts = ScanIr(Net(R"(
    <layers>
      <!-- <data element_type="f32" offset="99999" size="1"/> -->
      <layer><data element_type="f32" shape="3, 3" offset="8" size="36" /></layer>
      <layer><data size='4' offset = '100' element_type="i32"></data></layer>
      <layer><data offset="5000" size="7"/></layer>
    </layers>)"));
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->version, 11);
  EXPECT_EQ(facts->weights_bytes, 104U);
  EXPECT_EQ(ScanIr("<net name='x'/>")->version, std::nullopt);
  EXPECT_EQ(ScanIr("<net version = '6' name=\"x\"><rt_info version=\"3\"/></net>")->version, 6);
  EXPECT_EQ(ScanIr(Net("<data element_type=\"u8\" offset=\"18446744073709551615\" size=\"2\"/>"))->weights_bytes,
            std::numeric_limits<std::uint64_t>::max());
}

TEST(IrScan, KeepsWhatTheModelStates) {
  const absl::StatusOr<IrFacts> facts = ScanIr(Net(R"(
    <layers><layer><rt_info><model_info><labels value="not this"/></model_info></rt_info></layer></layers>
    <rt_info>
      <Runtime_version value="x"/>
      <conversion_parameters><scale_values value="255"/></conversion_parameters>
      <model_info>
        <labels value="cat &amp; dog&#10;&quot;&#x41;&bird;" other="1"/>
        <inner><mean_values value="1"/></inner>
        <scale_values value='255'></scale_values>
      </model_info>
      <framework><names value="{0: 'a'}"/></framework>
    </rt_info>)"));
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_THAT(facts->model_info, ElementsAre(Pair("labels", "cat & dog\n\"&#x41;&bird;"), Pair("scale_values", "255")));
  EXPECT_THAT(facts->framework, ElementsAre(Pair("names", "{0: 'a'}")));
  EXPECT_THAT(facts->conversion, ElementsAre(Pair("scale_values", "255")));
  const std::string old = "<meta_data><cli_parameters><scale value=\"2\"/></cli_parameters></meta_data>";
  EXPECT_THAT(ScanIr(Net(old))->conversion, ElementsAre(Pair("scale", "2")));
  EXPECT_THAT(ScanIr(Net(old + "<other><model_info><labels value='a'/></model_info></other>"))->model_info, IsEmpty());
}

TEST(IrScan, BoundsTheDepth) {
  EXPECT_TRUE(ScanIr(Net(Repeat("<a>", 63) + Repeat("</a>", 63))).ok());
  ExpectRefused(Net(Repeat("<a>", 64)), "its elements are nested too deeply; the limit is 64");
  ExpectRefused(Net(Repeat("<a x='/>' y=\"'\">", 1'000'000)), "its elements are nested too deeply");
  EXPECT_TRUE(ScanIr(Net(Graphs(10))).ok());
  ExpectRefused(Net(Graphs(11)), "its graphs are nested too deeply; the limit is 10");
  EXPECT_TRUE(ScanIr(Net("<rt_info>" + Repeat("<a>", 16) + Repeat("</a>", 16) + "</rt_info>")).ok());
  ExpectRefused(Net("<layer><rt_info>" + Repeat("<a>", 17)), "its rt_info is nested too deeply; the limit is 16");
  EXPECT_TRUE(ScanIr(Net(Repeat("<a></a><a/>", 1000))).ok());
}

TEST(IrScan, BoundsTheSize) {
  ExpectRefused(Net("<rt_info><a b='" + std::string(17 << 20, 'x') + "'/></rt_info>"),
                "its rt_info has too many bytes");
  ExpectRefused(Net("<layers>" + Repeat("<layer/>", (256 << 10) + 1) + "</layers>"), "it has too many layers");
  ExpectRefused(Net(Repeat("<a/>", (4 << 20) + 1)), "it has too many elements");
}

TEST(IrScan, WhatHidesElementsIsRefusedOrSkipped) {
  ExpectRefused("<!DOCTYPE net [<!ENTITY a \"b\">]><net/>", "a document type");
  ExpectRefused(std::string("<net>\0</net>", 12), "a NUL byte");
  EXPECT_TRUE(ScanIr(Net("<![CDATA[" + Repeat("<a>", 100) + "]]><?pi " + Repeat("<a>", 100) + "?>")).ok());
  ExpectRefused(Net("<!-- -->" + Repeat("<a>", 100)), "nested too deeply");
  ExpectRefused(Net("<![CDATA[ ]]>" + Repeat("<a>", 100)), "nested too deeply");
  ExpectRefused(Net("<a b=\"-->\"/>" + Repeat("<a>", 100)), "nested too deeply");
}

TEST(IrScan, BrokenXmlIsLeftToTheRuntime) {
  for (const char* broken : {"", "<", "<net", "<net version=", "<net version=\"6", "</net>", "<net></net></net>",
                             "<!--", "<![CDATA[", "<?", "<net a='", "</", "<>", "< >", "<net/>"}) {
    EXPECT_TRUE(ScanIr(broken).ok()) << broken;
  }
}

}  // namespace
}  // namespace accelerd::openvino
