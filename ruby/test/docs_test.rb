# frozen_string_literal: true

require_relative "helper"

# The programs of docs/ruby.md, in one file each: what stands behind "# =>" is what
# the expression before it gives.
class DocsTest < Minitest::Test
  include Helper

  def check(got, want)
    @checked += 1
    assert_equal want, got.inspect
  end

  def test_guide
    text = File.read(File.expand_path("../../docs/ruby.md", __dir__))
    programs = text.scan(%r{<!-- checked by ruby/test/docs_test.rb -->\n```ruby\n(.*?)```}m).flatten
    @checked = 0
    assert_operator programs.size, :>=, 5
    Dir.chdir(work) do
      programs.each do |program|
        lines = program.gsub(/^( *)(\S.*?) +# => (.*)$/) { "#{::Regexp.last_match(1)}check((#{::Regexp.last_match(2)}), #{::Regexp.last_match(3).dump})" }
        instance_eval(lines, "docs/ruby.md")
      end
    end
    assert_operator @checked, :>=, 12
  end
end
