# frozen_string_literal: true

module Tensorfile
  # Numbers that Ruby packs, and the array types of Numo, by dtype.
  module DTypes
    # [directive of String#unpack, bytes, class of Numo]
    NUMBERS = {
      "bool" => ["C", 1, nil],
      "i8" => ["c", 1, :Int8], "i16" => ["s", 2, :Int16], "i32" => ["l", 4, :Int32], "i64" => ["q", 8, :Int64],
      "u8" => ["C", 1, :UInt8], "u16" => ["S", 2, :UInt16], "u32" => ["L", 4, :UInt32], "u64" => ["Q", 8, :UInt64],
      "f32" => ["f", 4, :SFloat], "f64" => ["d", 8, :DFloat],
      "c64" => ["f", 8, :SComplex], "c128" => ["d", 16, :DComplex]
    }.freeze

    # The descriptor of a dtype by its name, 16 bytes.
    def self.descriptor(name)
      @descriptors ||= {}
      @descriptors[name] ||= begin
        room = "\0".b * 16
        Library.dtype_parse(Library.string(name), room)
        room.freeze
      end
    end

    # Bytes of a tensor in C order, rows of packed dtypes padded to whole units.
    def self.bytes(descriptor, shape)
      _, _, _, _, per_unit, unit = descriptor.unpack("CCSLLL")
      return 0 if shape.include?(0)
      return unit if shape.empty?

      shape[0...-1].inject(1, :*) * ((shape[-1] + per_unit - 1) / per_unit) * unit
    end
  end

  # Elements in a packed String: dtype, shape, byte strides between units, and the
  # bytes, in the order of the machine. Strides of nil are C order.
  Packed = Struct.new(:dtype, :shape, :strides, :bytes) do
    # Arrays in arrays, or a number without axes: Integer, Float, Complex, true and
    # false. Other dtypes give the bytes of each unit as Strings.
    def to_a
      nested(0, begin_at)
    end

    # A copy without gaps, in C order.
    def compact
      return self if strides.nil? || strides == c_strides

      out = String.new(capacity: bytes.bytesize, encoding: Encoding::BINARY)
      each_unit(0, begin_at) { |at| out << bytes.byteslice(at, unit) }
      Packed.new(dtype, shape, nil, out)
    end

    # Byte strides of C order.
    def c_strides
      step = unit
      list = shape.each_with_index.reverse_each.map do |e, axis|
        now = step
        e = (e + per_unit - 1) / per_unit if axis == shape.size - 1
        step *= [e, 1].max
        now
      end
      list.reverse
    end

    # Bytes of a unit, and elements in it.
    def unit = DTypes.descriptor(dtype).unpack1("x12L")
    def per_unit = DTypes.descriptor(dtype).unpack1("x8L")

    private

    # Where element (0, ..., 0) stands: not at the begin where a stride is negative.
    def begin_at
      return 0 if strides.nil?

      shape.zip(strides).sum { |e, s| s.negative? && e.positive? ? -s * (e - 1) : 0 }
    end

    def steps = strides || c_strides

    def units(axis)
      axis == shape.size - 1 ? (shape[axis] + per_unit - 1) / per_unit : shape[axis]
    end

    def each_unit(axis, at, &block)
      return yield(at) if axis == shape.size

      units(axis).times { |i| each_unit(axis + 1, at + i * steps[axis], &block) }
    end

    def nested(axis, at)
      return element(at) if axis == shape.size
      # A last axis without gaps in one go.
      if axis == shape.size - 1 && steps[axis] == unit && (n = DTypes::NUMBERS[dtype])
        return numbers(n[0], bytes.byteslice(at, shape[axis] * unit))
      end

      Array.new(units(axis)) { |i| nested(axis + 1, at + i * steps[axis]) }
    end

    def element(at)
      directive, = DTypes::NUMBERS[dtype]
      directive ? numbers(directive, bytes.byteslice(at, unit))[0] : bytes.byteslice(at, unit)
    end

    def numbers(directive, part)
      list = part.unpack("#{directive}*")
      case dtype
      when "bool" then list.map { |x| x != 0 }
      when "c64", "c128" then list.each_slice(2).map { |re, im| Complex(re, im) }
      else list
      end
    end
  end

  class Packed
    # Packs what somebody wants to write: a Packed, a Numo::NArray, a String of
    # elements, or numbers in arrays.
    def self.of(data, dtype: nil, shape: nil, strides: nil)
      case data
      when Packed then data
      when String
        raise ArgumentError, "a String of elements needs dtype and shape" unless dtype && shape

        new(dtype, shape, strides, data)
      when Array, Numeric, true, false then of_numbers(data, dtype || guess(data))
      else
        return of_numo(data) if defined?(Numo::NArray) && data.is_a?(Numo::NArray)

        raise ArgumentError, "#{data.class} holds no elements that can be written"
      end
    end

    # What elements in arrays are, if nothing else is said.
    def self.guess(data)
      first = data
      first = first.first while first.is_a?(Array)
      case first
      when true, false then "bool"
      when Integer then "i64"
      when Complex then "c128"
      when Numeric then "f64"
      else raise ArgumentError, "a dtype is needed"
      end
    end

    def self.of_numbers(data, dtype)
      directive, = DTypes::NUMBERS[dtype]
      raise ArgumentError, "#{dtype} is written from a String of its elements" unless directive

      shape = []
      level = data
      while level.is_a?(Array)
        shape << level.size
        level = level.first
      end
      flat = flatten(data, shape)
      flat.each { |x| check(x, dtype) }
      flat = flat.map { |x| x ? 1 : 0 } if dtype == "bool"
      flat = flat.flat_map { |x| [x.real, x.imaginary] } if %w[c64 c128].include?(dtype)
      new(dtype, shape, nil, flat.pack("#{directive}*"))
    end

    # The elements one behind the other, of arrays that are as long as shape says.
    def self.flatten(data, shape)
      if shape.empty?
        raise ArgumentError, "arrays of unequal depth" if data.is_a?(Array)

        return [data]
      end
      raise ArgumentError, "arrays of unequal length" unless data.is_a?(Array) && data.size == shape[0]

      data.flat_map { |x| flatten(x, shape[1..]) }
    end

    # Array#pack takes the low bits of a number that does not fit, and says nothing.
    def self.check(value, dtype)
      case dtype[0]
      when "b" then good = [true, false].include?(value)
      when "i" then good = value.is_a?(Integer) && value.bit_length < dtype[1..].to_i
      when "u" then good = value.is_a?(Integer) && !value.negative? && value.bit_length <= dtype[1..].to_i
      when "f" then good = value.is_a?(Numeric) && value.real?
      else good = value.is_a?(Numeric)
      end
      raise ArgumentError, "#{value.inspect} is no #{dtype}" unless good
    end

    def self.of_numo(array)
      dtype, = DTypes::NUMBERS.find { |_, (_, _, type)| type && Numo.const_defined?(type) && array.instance_of?(Numo.const_get(type)) }
      raise ArgumentError, "#{array.class} has no dtype" unless dtype

      new(dtype, array.shape, nil, array.to_binary)
    end
    private_class_method :guess, :of_numbers, :flatten, :check, :of_numo

    # The same as a Numo::NArray, or nil if Numo is not there or has no such type.
    def to_narray
      type = DTypes::NUMBERS.dig(dtype, 2)
      type = :UInt8 if dtype == "bool"
      return nil unless type && defined?(Numo) && Numo.const_defined?(type)

      Numo.const_get(type).from_binary(compact.bytes, shape)
    end
  end
end
