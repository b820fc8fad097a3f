# frozen_string_literal: true

require_relative "helper"

# Arrays of Numo, where it is installed. Where it is not, a stand-in with the four
# methods that are called, under the names and with the arguments of numo-narray 0.9.
begin
  require "numo/narray"
rescue LoadError
  puts "numo-narray is not installed: a stand-in takes its place"
  module Numo
    class NArray
      attr_reader :shape

      def self.from_binary(bytes, shape)
        raise ArgumentError unless bytes.encoding == Encoding::BINARY && shape.is_a?(Array)

        new(bytes.dup, shape)
      end

      def initialize(bytes, shape)
        @bytes = bytes
        @shape = shape
      end

      def to_binary = @bytes

      def to_a
        list = @bytes.unpack("#{self.class::DIRECTIVE}*")
        list = list.each_slice(2).map { |re, im| Complex(re, im) } if self.class.name.include?("Complex")
        shape[1..].reverse_each { |n| list = list.each_slice(n).to_a }
        list
      end
    end
    { Int8: "c", Int16: "s", Int32: "l", Int64: "q", UInt8: "C", UInt16: "S", UInt32: "L", UInt64: "Q", SFloat: "f", DFloat: "d",
      SComplex: "f", DComplex: "d" }.each do |name, directive|
      const_set(name, Class.new(NArray)).const_set(:DIRECTIVE, directive)
    end
  end
end

class NumoTest < Minitest::Test
  include Helper

  TYPES = { "i8" => Numo::Int8, "i16" => Numo::Int16, "i32" => Numo::Int32, "i64" => Numo::Int64, "u8" => Numo::UInt8,
            "u16" => Numo::UInt16, "u32" => Numo::UInt32, "u64" => Numo::UInt64, "f32" => Numo::SFloat, "f64" => Numo::DFloat,
            "c64" => Numo::SComplex, "c128" => Numo::DComplex }.freeze

  def test_there_and_back
    Tensorfile.create(path) do |w|
      TYPES.each do |dtype, type|
        numbers = (1..6).map { |i| dtype.start_with?("c") ? Complex(i, -i) : i }
        packed = Tensorfile::Packed.of(numbers.each_slice(3).to_a, dtype: dtype)
        w.write dtype, type.from_binary(packed.bytes, [2, 3])
      end
      w.write "bool", [true, false], dtype: "bool"
      w.write "f16", "\0\0".b, dtype: "f16", shape: [1]
    end
    Tensorfile.open(path) do |f|
      TYPES.each do |dtype, type|
        t = f[dtype]
        assert_equal [dtype, [2, 3]], [t.dtype, t.shape]
        x = t.read
        assert_instance_of type, x
        assert_equal [2, 3], x.shape
        want = (1..6).map { |i| dtype.start_with?("c") ? Complex(i, -i) : i }.each_slice(3).to_a
        assert_equal want, x.to_a
        assert_equal want[1], t.read(1).to_a
        assert_instance_of Tensorfile::Packed, t.read_packed
      end
      assert_instance_of Numo::UInt8, f["bool"].read
      assert_equal [1, 0], f["bool"].read.to_a
      assert_instance_of Tensorfile::Packed, f["f16"].read # Numo has no such type
      turned = Tensorfile::Packed.new("i16", [2, 2], [2, 4], [1, 2, 3, 4].pack("s*"))
      assert_equal [[1, 3], [2, 4]], turned.to_narray.to_a
    end
    assert_raises(ArgumentError) { Tensorfile::Packed.of(Class.new(Numo::NArray).allocate) }
  end
end
