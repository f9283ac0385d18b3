using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Ioasis.Abi;
using Ioasis.Diagnostics.Record;
using Ioasis.Diagnostics.Trace;

namespace Ioasis.Replay.Recordings;

/// <summary>
/// A recording as a program in C that makes the calls and checks the answers. It needs nothing but the C library and
/// Linux's headers.
/// </summary>
/// <param name="recording">The recording.</param>
public sealed class CProgram(RecordingFile recording)
{
    private const int RegionShift = 40;

    private const string Head = """
        // Makes the calls of a recording and checks their answers. Exit code 1: an answer differs.
        // gcc -Wall -Werror -D_GNU_SOURCE -o reproducer reproducer.c
        #include <errno.h>
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/eventfd.h>
        #include <sys/ioctl.h>
        #include <sys/mman.h>
        #include <unistd.h>

        #define UNUSED __attribute__((unused))

        static long answer(long result) { return result < 0 ? -errno : result; }

        static void expect(int call, const char *what, long long is, long long want)
        {
            if (is == want)
                return;
            fprintf(stderr, "call %d: %s is %lld (0x%llx), was %lld (0x%llx)\n", call, what, is, is, want, want);
            exit(1);
        }

        UNUSED static void expect_bytes(int call, const char *what, const void *is, const void *want, size_t count)
        {
            if (memcmp(is, want, count) == 0)
                return;
            fprintf(stderr, "call %d: %s differs\n", call, what);
            exit(1);
        }

        // Automatic I/O addresses are aligned as the memory is, so its address has the same low bits.
        UNUSED static void *memory_of(size_t bytes, size_t address)
        {
            size_t turn = 1 << 30;
            int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
            unsigned char *memory = mmap(NULL, bytes + turn, PROT_READ | PROT_WRITE, flags, -1, 0);
            if (memory == MAP_FAILED) {
                perror("mmap");
                exit(2);
            }
            return memory + ((address - (uintptr_t)memory) & (turn - 1));
        }

        UNUSED static int file_of(void)
        {
            int file = memfd_create("memory", 0);
            if (file < 0 || ftruncate(file, 1 << 30) != 0) {
                perror("memfd_create");
                exit(2);
            }
            return file;
        }

        """;

    private readonly MemoryRegions _regions = MemoryRegions.Of(recording);
    private readonly SortedSet<string> _files = new(StringComparer.Ordinal), _ids = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _headers = new(StringComparer.Ordinal);
    private readonly Dictionary<(string File, ulong Number), string> _regionsOfFiles = [];
    private readonly StringBuilder _body = new();

    /// <summary>Writes the program.</summary>
    /// <exception cref="FormatException">A line is none of a recording.</exception>
    public void Write(TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(output);
        for (int i = 0; i < recording.Lines.Count; i++)
            if (!recording.IsRepeated(i)) Add(i + 1, recording.Lines[i]);
        foreach (string header in _headers) output.Write($"#include <linux/{header}>\n");
        output.Write(Head.ReplaceLineEndings("\n"));
        foreach (string file in _files) output.Write($"UNUSED static int {file} = -1;\n");
        foreach (string region in _regionsOfFiles.Values.Distinct()) output.Write($"UNUSED static off_t {region};\n");
        foreach (string id in _ids) output.Write($"UNUSED static uint32_t {id};\n");
        foreach (MemoryRegion region in _regions.All) output.Write($"static unsigned char *{region.Name};\n");
        output.Write("\nint main(void)\n{\n");
        foreach (MemoryRegion region in _regions.All)
            output.Write($"    {region.Name} = memory_of(0x{region.Length:x}, 0x{region.First:x});\n");
        foreach (string file in _files)
        {
            if (file.StartsWith("event", StringComparison.Ordinal)) output.Write($"    {file} = eventfd(0, 0);\n");
            if (file.StartsWith("memory", StringComparison.Ordinal)) output.Write($"    {file} = file_of();\n");
            if (file.StartsWith("other", StringComparison.Ordinal))
                output.Write($"    {file} = open(\"/dev/null\", O_RDWR);\n");
        }

        output.Write(_body);
        output.Write("    printf(\"all answers are those of the recording\\n\");\n    return 0;\n}\n");
    }

    private void Add(int number, JsonObject line)
    {
        string kind = (string?)line["event"] ?? "";
        if (kind is not ("open" or "close" or "call") || line["by_call"] is not null) return;
        string file = FileOf((string?)line["file"] ?? throw new FormatException("A line names no file."));
        switch (kind, (string?)line["call"])
        {
            case ("open", _):
                Line($"{file} = open({Text((string?)line["path"])}, O_RDWR | O_CLOEXEC);");
                Line($"expect({number}, \"open\", {file} < 0, 0);");
                break;
            case ("close", _):
                Line($"close({file});");
                Line($"{file} = -1;");
                break;
            case (_, "ioctl"):
                AddIoctl(number, line, file);
                break;
            case (_, "read"):
                AddRead(number, line, file);
                break;
            case (_, "write"):
                AddWrite(number, line, file);
                break;
            case (_, "mmap"):
                AddMap(number, line, file);
                break;
        }
    }

    private void AddIoctl(int number, JsonObject line, string file)
    {
        string what = Text((string?)line["request"]);
        RecordValues.TryNumber(line["number"], out ulong command);
        Type? type = RecordedStructs.TypeOf((string?)line["struct"]);
        if (line["in"] is not JsonObject values || type is null)
        {
            string argument = (string?)line["text"] is { } text ? $"(unsigned long){Text(text)}"
                : RecordValues.TryNumber(line["argument"], out ulong plain) ? $"0x{plain:x}ul" : "0x1000ul";
            Line($"{{ // {line["request"]}");
            Line($"    long result = answer(ioctl({file}, 0x{command:x}u, {argument}));");
            AddResult(number, line, what);
            Line("}");
            return;
        }

        int size = Marshal.SizeOf(type);
        RecordValues.TryNumber(line["length"], out ulong length);
        ulong whole = Math.Max((ulong)size, length);
        Line($"{{ // {line["request"]}");
        Line($"    unsigned char bytes[0x{whole:x}] __attribute__((aligned(8))) = {{0}};");
        Line($"    {StructOf(type)} *in = (void *)bytes;");
        foreach ((string field, JsonNode? value) in values) AddField(type, field, value, size);
        AddMore(line, size);
        AddMemory(line, values);
        Line($"    long result = answer(ioctl({file}, 0x{command:x}u, bytes));");
        AddResult(number, line, what);
        AddOut(number, line, type);
        Line("}");
    }

    private string StructOf(Type type)
    {
        if (type.IsPrimitive)
            return Marshal.SizeOf(type) switch { 1 => "uint8_t", 2 => "uint16_t", 4 => "uint32_t", _ => "uint64_t" };
        if (!IsOfLinux(type)) return "UNUSED unsigned char";
        string name = StructFields.NameOf(type);
        _headers.Add(name.StartsWith("iommu_", StringComparison.Ordinal) ? "iommufd.h"
            : name.StartsWith("vfio_", StringComparison.Ordinal) ? "vfio.h" : "vhost.h");
        return $"UNUSED struct {name}";
    }

    private static bool IsOfLinux(Type type) => Attribute.IsDefined(type, typeof(LinuxStructAttribute));

    private void AddField(Type type, string field, JsonNode? value, int size)
    {
        StructField known = RecordedStructs.FieldOf(type, field);
        if (RecordValues.BytesOf(value) is { } bytes)
        {
            Line($"    memcpy(bytes + {known.Offset}, {Literal(bytes)}, {bytes.Length});");
            return;
        }

        string text = ValueOf(field, value, known.Type == typeof(int));
        if (known.Name.Length == 0) Line($"    *in = {text};");
        else if (IsOfLinux(type) && !known.IsReserved) Line($"    in->{known.Name} = {text};");
        else if (known.Offset + known.Size <= size)
            Line($"    memcpy(bytes + {known.Offset}, &(uint64_t){{{text}}}, {known.Size});");
    }

    private void AddMore(JsonObject line, int size)
    {
        if (RecordValues.BytesOf(line["more"]) is { } more)
            Line($"    memcpy(bytes + {size}, {Literal(more)}, {more.Length});");
        if (line["files"] is not JsonArray files) return;
        for (int i = 0; i < files.Count; i++)
            Line($"    memcpy(bytes + {size + (i * 4)}, &(int){{{FileOf(files[i]!.ToString())}}}, 4);");
    }

    private void AddMemory(JsonObject line, JsonObject values)
    {
        foreach ((string field, JsonNode? value) in line["memory"] as JsonObject ?? [])
        {
            if (RecordValues.BytesOf(value) is not { } bytes || !bytes.AsSpan().ContainsAnyExcept((byte)0)) continue;
            Line($"    memcpy((void *)(uintptr_t)({ValueOf(field, values[field], false)}), {Literal(bytes)}, "
                + $"{bytes.Length});");
        }

        AddPages(line);
    }

    private void AddPages(JsonObject line)
    {
        foreach ((string address, JsonNode? page) in line["pages"] as JsonObject ?? [])
        {
            if (RecordValues.BytesOf(page) is not { } bytes) continue;
            string at = $"(void *)(uintptr_t)({ValueOf("user_va", JsonValue.Create(address), false)})";
            Line($"    memset({at}, 0, 4096);");
            if (bytes.Length != 0) Line($"    memcpy({at}, {Literal(bytes)}, {bytes.Length});");
        }
    }

    private void AddOut(int number, JsonObject line, Type type)
    {
        foreach ((string field, JsonNode? value) in line["out"] as JsonObject ?? [])
        {
            StructField known = RecordedStructs.FieldOf(type, field);
            if (RecordValues.BytesOf(value) is { } bytes)
            {
                Line($"    expect_bytes({number}, \"{field}\", bytes + {known.Offset}, {Literal(bytes)}, "
                    + $"{bytes.Length});");
                continue;
            }

            string read = $"*(uint{known.Size * 8}_t *)(bytes + {known.Offset})";
            if (type == typeof(VfioRegionInfo) && field == "offset")
            {
                Line($"    {RegionOf(line, value)} = {read};");
                continue;
            }

            if (RecordValues.TryNumber(value, out ulong plain))
                Line($"    expect({number}, \"{field}\", {read}, (long long)0x{plain:x}ull);");
            else Line($"    {NameOf(value!.ToString())} = {read};");
        }

        foreach ((string field, JsonNode? value) in line["memory_out"] as JsonObject ?? [])
        {
            if (RecordValues.BytesOf(value) is { } bytes)
                Line($"    expect_bytes({number}, \"{field}\", "
                    + $"(void *)(uintptr_t)({ValueOf(field, line["in"]![field], false)}), {Literal(bytes)}, "
                    + $"{bytes.Length});");
        }
    }

    /// <summary>The variable with the offset of a region, which each system chooses.</summary>
    private string RegionOf(JsonObject line, JsonNode? offset)
    {
        RecordValues.TryNumber(offset, out ulong number);
        RecordValues.TryNumber(line["in"]?["index"], out ulong index);
        return _regionsOfFiles[((string)line["file"]!, number >> RegionShift)] = $"{line["file"]}_region{index}";
    }

    /// <summary>An offset in a file: in a region of a device, or of anything else.</summary>
    private string OffsetOf(JsonObject line)
    {
        RecordValues.TryNumber(line["offset"], out ulong offset);
        return _regionsOfFiles.TryGetValue(((string)line["file"]!, offset >> RegionShift), out string? region)
            ? $"(off_t){region} + 0x{offset & ((1ul << RegionShift) - 1):x}"
            : $"0x{offset:x}ll";
    }

    private void AddResult(int number, JsonObject line, string what)
    {
        if ((string?)line["errno"] is { } errno) Line($"    expect({number}, {what}, result, -{errno});");
        else if (RecordValues.TryNumber(line["result"], out ulong plain))
            Line($"    expect({number}, {what}, result, {plain});");
        else
        {
            Line($"    {FileOf(line["result"]!.ToString())} = result;");
            Line($"    expect({number}, {what}, result < 0, 0);");
        }
    }

    private void AddRead(int number, JsonObject line, string file)
    {
        RecordValues.TryNumber(line["count"], out ulong count);
        string offset = OffsetOf(line);
        bool isCompared = recording.HasMemory || RecordingDifference.IsOfConfiguration(line);
        Line("{ // read");
        Line($"    static unsigned char bytes[{Math.Max(1, count)}];");
        Line($"    long result = answer(pread({file}, bytes, {count}, {offset}));");
        AddResult(number, line, "\"read\"");
        if (isCompared && RecordValues.BytesOf(line["bytes"]) is { } bytes)
        {
            // A device may be at work still.
            Line($"    for (int i = 0; i < 1000 && memcmp(bytes, {Literal(bytes)}, {bytes.Length}); i++) {{");
            Line("        usleep(1000);");
            Line($"        if (pread({file}, bytes, {count}, {offset}) < 0)");
            Line("            break;");
            Line("    }");
            Line($"    expect_bytes({number}, \"read\", bytes, {Literal(bytes)}, {bytes.Length});");
        }

        Line("}");
    }

    private void AddWrite(int number, JsonObject line, string file)
    {
        RecordValues.TryNumber(line["count"], out ulong count);
        bool isAt = line["offset"] is not null;
        byte[]? bytes = RecordValues.BytesOf(line["bytes"]);
        string from = bytes is null ? "(void *)0x1000ul" : Literal(bytes);
        Line("{ // write");
        AddPages(line);
        Line(isAt
            ? $"    long result = answer(pwrite({file}, {from}, {count}, {OffsetOf(line)}));"
            : $"    long result = answer(write({file}, {from}, {count}));");
        AddResult(number, line, "\"write\"");
        Line("}");
    }

    private void AddMap(int number, JsonObject line, string file)
    {
        RecordValues.TryNumber(line["count"], out ulong count);
        string asked = (string?)line["protection"] ?? "";
        string protection = string.Join(" | ", new[] { ('r', "PROT_READ"), ('w', "PROT_WRITE"), ('x', "PROT_EXEC") }
            .Where(p => asked.Contains(p.Item1, StringComparison.Ordinal)).Select(p => p.Item2).DefaultIfEmpty("0"));
        string kind = asked.Contains('s', StringComparison.Ordinal) ? "MAP_SHARED" : "MAP_PRIVATE";
        Line("{ // mmap");
        Line($"    long result = mmap(NULL, 0x{count:x}, {protection}, {kind}, {file}, {OffsetOf(line)}) == MAP_FAILED "
            + "? -errno : 0;");
        AddResult(number, line, "\"mmap\"");
        Line("}");
    }

    private string ValueOf(string field, JsonNode? value, bool isDescriptor)
    {
        if (!RecordValues.TryNumber(value, out ulong number))
            return isDescriptor ? FileOf(value?.ToString() ?? "") : NameOf(value?.ToString() ?? "");
        return MemoryRegions.IsAddress(field) && _regions.Find(number) is { } region
            ? string.Create(CultureInfo.InvariantCulture, $"(uintptr_t){region.Name} + 0x{number - region.First:x}")
            : string.Create(CultureInfo.InvariantCulture, $"0x{number:x}");
    }

    /// <summary>The variable of a name: a file, or the number of an object.</summary>
    private string NameOf(string name)
    {
        if (IsFile(name)) return FileOf(name);
        _ids.Add(name);
        return name;
    }

    private string FileOf(string name)
    {
        if (name is "none" or "negative" or "closed")
            return name switch { "none" => "-1", "negative" => "-2", _ => "1000000" };
        _files.Add(name);
        return name;
    }

    private static bool IsFile(string name) =>
        name.TrimEnd([.. "0123456789"])
            is "file" or "queue" or "event" or "memory" or "other" or "none" or "negative" or "closed";

    private static string Literal(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder("\"");
        foreach (byte one in bytes) text.Append('\\').Append(Convert.ToString(one, 8).PadLeft(3, '0'));
        return text.Append('"').ToString();
    }

    private static string Text(string? text) =>
        text is not null && text.All(c => c is >= ' ' and <= '~' and not '"' and not '\\')
        ? $"\"{text}\""
        : Literal(Encoding.Latin1.GetBytes(text ?? ""));

    private void Line(string text) => _body.Append("    ").Append(text).Append('\n');
}
