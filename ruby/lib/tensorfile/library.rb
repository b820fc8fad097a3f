# frozen_string_literal: true

require "fiddle"

module Tensorfile
  # The functions of tensorfile.h, by their names without the prefix. Each takes what
  # the header says but for the error, which is added here and raised.
  module Library
    ABI = 1

    P = Fiddle::TYPE_VOIDP
    H = -Fiddle::TYPE_LONG_LONG # a handle
    I = Fiddle::TYPE_INT
    L = Fiddle::TYPE_LONG_LONG
    Z = Fiddle::TYPE_SIZE_T

    # What can fail returns a kind.
    FALLIBLE = {
      dtype_parse: [P, P],
      open: [P, P, P], open_memory: [P, Z, P, P], open_url: [P, P, P], close: [H], refresh: [H, P], check: [H],
      describe_file: [H, P], file_attributes: [H, P, P], generations: [H, P, P], verify: [H, P, P, P, P],
      list_tensors: [H, P], lookup: [H, P, P], part: [H, P, P], list_parts: [H, P], check_parts: [H],
      describe: [H, P], attributes: [H, P, P], hash: [H, P], release_tensor: [H],
      map: [H, P, P], release_lease: [H],
      read: [H, P, P, Z], read_rows: [H, P, Z, P, Z], dequantise: [H, P, P, P, Z],
      create: [P, P, P], edit: [P, P, P], write: [H, P, P, P], write_storage: [H, P, Z, P], write_on: [H, H, L, P, P, P],
      write_composite: [H, P, P, P], write_from: [H, H, P, P], append: [H, P, P, P], append_composite: [H, P, P, P],
      write_region: [H, P, P, P, P], shrink: [H, P, L], remove: [H, P], rename: [H, P, P], copy: [H, P, P],
      set_attributes: [H, P, P], revert: [H, H], commit: [H], close_writer: [H]
    }.freeze

    OTHER = {
      abi_version: [[], Fiddle::TYPE_INT], version: [[], P], formats: [[], P], kind_name: [[I], P],
      free: [[P], Fiddle::TYPE_VOID], list_free: [[P], Fiddle::TYPE_VOID]
    }.freeze

    # The file of the library: what TENSORFILE_LIBRARY names, the one in the gem, or
    # the one that the system finds.
    def self.path
      named = ENV["TENSORFILE_LIBRARY"]
      return named if named && !named.empty?

      bundled = ::File.join(__dir__, "libtensorfile.so.1")
      ::File.exist?(bundled) ? bundled : "libtensorfile.so.1"
    end

    def self.load
      so = Fiddle.dlopen(path)
      all = OTHER.map { |name, (args, result)| [name, args, result] } +
            FALLIBLE.map { |name, args| [name, args + [P], I] }
      functions = all.to_h do |name, args, result|
        [name, Fiddle::Function.new(so["tensorfile_#{name}"], args, result, name: name.to_s)]
      end
      abi = functions[:abi_version].call
      raise LoadError, "#{path} has interface #{abi}, this gem needs #{ABI}" if abi != ABI

      functions
    rescue Fiddle::DLError => e
      raise LoadError, "libtensorfile: #{e.message}; TENSORFILE_LIBRARY can say where it is"
    end
    private_class_method :load

    FUNCTIONS = load.freeze
    private_constant :FUNCTIONS

    OTHER.each_key do |name|
      define_singleton_method(name) { |*args| FUNCTIONS[name].call(*args) }
    end

    FALLIBLE.each_key do |name|
      define_singleton_method(name == :hash ? :content_hash : name) do |*args|
        error = "\0".b * Error::SIZE
        raise Error.from(error) if FUNCTIONS[name].call(*args, error) != 0
      end
    end

    # A number that a function puts where it is told.
    def self.number(name, *args, format: "Q")
      room = "\0".b * 8
      public_send(name, *args, room)
      room.unpack1(format)
    end

    # A text that a function hands over, as a String of its own.
    def self.text(name, *args)
      room = "\0".b * 8
      public_send(name, *args, room, nil)
      take_text(room.unpack1("J"))
    end

    def self.take_text(address)
      Fiddle::Pointer.new(address).to_s.force_encoding(Encoding::UTF_8)
    ensure
      free(address)
    end

    # A text for C. Its NUL ends it there, so it may hold none.
    def self.string(text)
      text = text.to_s.encode(Encoding::UTF_8)
      raise ArgumentError, "#{text.inspect} has a NUL in it" if text.include?("\0")

      text
    end
  end
end
