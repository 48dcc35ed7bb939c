// Which site answers a request.
#include "serve/hosts.hpp"

#include <gtest/gtest.h>

namespace vigil::app {
namespace {

Hosts::Shared site() {
  return std::make_shared<Hosted>(fs::Directory(), SiteOptions{}, cli::Settings{});
}

TEST(Hosts, are_found_by_name_whatever_its_case_port_and_last_dot) {
  Hosts hosts;
  const auto a = site();
  const auto six = site();
  hosts.add(a, {"a.example", "b"});
  hosts.add(six, {"[::1]"});
  for (const char* authority : {"a.example", "A.EXAMPLE", "a.example:80", "a.example.", "B:8080"}) {
    EXPECT_EQ(hosts.find(authority), a) << authority;
  }
  EXPECT_EQ(hosts.find("[::1]:8080"), six);
  EXPECT_EQ(hosts.find("[::1]"), six);
  for (const char* authority : {"", "a", "example", "xa.example", "x.a.example", "[::1", "[::2]"}) {
    EXPECT_EQ(hosts.find(authority), nullptr) << authority;
  }
  EXPECT_EQ(hosts.find(std::string(300, 'a')), nullptr);
}

TEST(Hosts, are_found_by_the_longest_suffix_after_exact_names) {
  Hosts hosts;
  const auto exact = site();
  const auto wide = site();
  const auto narrow = site();
  const auto others = site();
  hosts.add(wide, {"*.example"});
  hosts.add(exact, {"www.example"});
  hosts.add(narrow, {"*.c.example"});
  hosts.add(others, {});
  EXPECT_EQ(hosts.find("www.example"), exact);
  EXPECT_EQ(hosts.find("a.example"), wide);
  EXPECT_EQ(hosts.find("a.b.example"), wide);
  EXPECT_EQ(hosts.find("a.c.example"), narrow);
  EXPECT_EQ(hosts.find("c.example"), wide);
  EXPECT_EQ(hosts.find("example"), others);
  EXPECT_EQ(hosts.find("xexample"), others);
  EXPECT_EQ(hosts.find(".example"), others);
  EXPECT_EQ(hosts.find(""), others);
}

TEST(Hosts, without_names_are_one_site_for_all) {
  Hosts hosts;
  const auto only = site();
  hosts.add(only, {});
  EXPECT_EQ(hosts.find("anything"), only);
  EXPECT_EQ(hosts.find(""), only);
}

}  // namespace
}  // namespace vigil::app
