# frozen_string_literal: true

require "json"
require "minitest/autorun"
require "tmpdir"
require "tensorfile"

# What the tests have in common.
module Helper
  TESTDATA = File.expand_path("../../testdata", __dir__)

  # A folder that is gone after the test.
  def work
    @work ||= Dir.mktmpdir("tensorfile-ruby")
  end

  def teardown
    FileUtils.remove_entry(@work) if @work
  end

  def path(name = "a.tensor") = File.join(work, name)

  # Numbers of 24 bits that do not repeat (splitmix64).
  def mix(number)
    mask = (1 << 64) - 1
    z = (number * 0x9e3779b97f4a7c15 + 0x632be59bd9b4e019) & mask
    z = ((z ^ z >> 30) * 0xbf58476d1ce4e5b9) & mask
    z = ((z ^ z >> 27) * 0x94d049bb133111eb) & mask
    (z ^ z >> 31) >> 40
  end

  # Rows of such numbers.
  def grid(rows, columns, first = 0)
    Array.new(rows) { |i| Array.new(columns) { |k| mix(first + i * columns + k) } }
  end
end
