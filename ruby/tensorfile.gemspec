# frozen_string_literal: true

require_relative "lib/tensorfile/version"

Gem::Specification.new do |s|
  s.name = "tensorfile"
  s.version = Tensorfile::VERSION
  s.summary = "Tensors in one file, mapped without a copy"
  s.description = "Reads and writes tensor files by libtensorfile, over Fiddle: no compiler is needed to install it. " \
                  "Elements come as Numo::NArray where that is installed, else as packed strings."
  s.authors = ["tensorfile maintainers"]
  s.homepage = "https://github.com/tensorfile/tensorfile"
  s.license = "Apache-2.0"
  s.required_ruby_version = ">= 3.0"
  s.files = Dir["lib/**/*.rb"] + Dir["lib/tensorfile/libtensorfile.so.*"] + ["tensorfile.gemspec"]
  # With the library in it, it is a gem for one system.
  s.platform = Gem::Platform.local if Dir["lib/tensorfile/libtensorfile.so.*"].any?
  s.metadata = { "rubygems_mfa_required" => "true" }
end
