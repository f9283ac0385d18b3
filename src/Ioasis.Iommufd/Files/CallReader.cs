using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Ioasis.Abi;
using Ioasis.Core.Observation;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// Reads what a call names, for observers that keep it: memory whose address a structure has, and files. It reads with
/// the caller's rights, as the call itself does. A recording is made of this.
/// </summary>
internal static class CallReader
{
    /// <summary>Bytes of one structure, or of one piece of memory, that are kept at most.</summary>
    internal const int MostBytes = 16384;

    private const ulong PageSize = 4096;
    private const int MostText = 64, MostFiles = 1024;

    /// <summary>Reads what a call names, before it is served.</summary>
    internal static CallData Begin(ICaller caller, IoctlShape? shape, uint command, ulong argument, byte[] before)
    {
        var data = new CallData { Space = caller.Memory };
        if (command == VfioH.VFIO_GROUP_GET_DEVICE_FD) data.Text = TextAt(caller, argument);
        if (shape is null && argument >= PageSize)
            data.Memory.Add(new CallMemory("argument", argument, PrefixAt(caller, argument, MostText)));
        if (shape?.Structure is not { } structure || before.Length == 0) return data;
        foreach ((string field, ulong address, ulong length) in MemoryOf(structure, before))
        {
            if (address != 0 && length != 0)
                data.Memory.Add(new CallMemory(field, address, PrefixAt(caller, address, length)));
        }

        foreach (int descriptor in DescriptorsOf(structure, before, made: false)) Look(data, caller, descriptor);
        return data;
    }

    /// <summary>Reads what the call left.</summary>
    internal static void End(
        CallData data, ICaller caller, IoctlShape? shape, uint command, byte[] after, SysResult result)
    {
        foreach (CallMemory memory in data.Memory)
            memory.After = BytesAt(caller, memory.Address, (ulong)memory.Before.Length);
        if (!result.IsOk) return;
        if (command == VfioH.VFIO_GROUP_GET_DEVICE_FD) Look(data, caller, (int)result.Value);
        if (shape?.Structure is not { } structure) return;
        foreach (int descriptor in DescriptorsOf(structure, after, made: true)) Look(data, caller, descriptor);
    }

    /// <summary>Reads a structure that says its own size, with what follows the part that we know.</summary>
    internal static bool TryReadLonger(
        ICaller caller, Type structure, ulong argument, int size, [NotNullWhen(true)] out byte[]? bytes)
    {
        bytes = null;
        byte[] known = BytesAt(caller, argument, (ulong)size);
        if (known.Length < size || size < 2 * sizeof(uint)) return false;
        uint whole = structure == typeof(VhostVdpaConfig)
            ? (uint)size + MemoryMarshal.Read<uint>(known.AsSpan(sizeof(uint)))
            : SaysItsSize(structure) ? MemoryMarshal.Read<uint>(known) : 0;
        if (whole <= size) return false;
        bytes = PrefixAt(caller, argument, whole);
        return bytes.Length != 0;
    }

    /// <summary>Whether the first field is the structure's size.</summary>
    internal static bool SaysItsSize(Type structure) =>
        structure.GetFields(BindingFlags.Public | BindingFlags.Instance) is [{ Name: "Size" or "Argsz" }, ..];

    /// <summary>Bytes of the caller's memory, not all of many, up to a page that cannot be read.</summary>
    internal static byte[] PrefixAt(ICaller caller, ulong address, ulong count)
    {
        byte[] whole = BytesAt(caller, address, count);
        ulong inPage = PageSize - (address % PageSize);
        return whole.Length != 0 || count <= inPage ? whole : BytesAt(caller, address, inPage);
    }

    /// <summary>Bytes of the caller's memory, not all of many; empty if they cannot be read.</summary>
    internal static byte[] BytesAt(ICaller caller, ulong address, ulong count)
    {
        var bytes = new byte[Math.Min(count, MostBytes)];
        return caller.Memory.TryRead(new Hva(address), bytes) ? bytes : [];
    }

    /// <summary>
    /// The descriptors of a structure: in the headers they alone are signed. Those that a call makes are not; their
    /// names end with fd.
    /// </summary>
    internal static IEnumerable<int> DescriptorsOf(Type structure, byte[] bytes, bool made)
    {
        if (structure == typeof(int)) return made || bytes.Length < sizeof(int) ? [] : [MemoryMarshal.Read<int>(bytes)];
        if (!made && ArrayOf(structure, bytes) is { Length: > 0 } array)
            return MemoryMarshal.Cast<byte, int>(array)[..Math.Min(MostFiles, array.Length / sizeof(int))].ToArray();
        return FieldsOf(structure, made).Where(f => f.Offset + sizeof(int) <= bytes.Length)
            .Select(f => MemoryMarshal.Read<int>(bytes.AsSpan(f.Offset))).ToArray();
    }

    /// <summary>The array of descriptors that follows a structure.</summary>
    internal static byte[] ArrayOf(Type structure, byte[] bytes)
    {
        if (structure == typeof(VfioIrqSet) && bytes.Length > Marshal.SizeOf<VfioIrqSet>()
            && (MemoryMarshal.Read<VfioIrqSet>(bytes).Flags & VfioH.VFIO_IRQ_SET_DATA_EVENTFD) != 0)
            return bytes[Marshal.SizeOf<VfioIrqSet>()..];
        return structure == typeof(VfioPciHotReset) && bytes.Length > Marshal.SizeOf<VfioPciHotReset>()
            ? bytes[Marshal.SizeOf<VfioPciHotReset>()..]
            : [];
    }

    private static IEnumerable<(string Name, int Offset)> FieldsOf(Type structure, bool made) =>
        structure.GetFields(BindingFlags.Public | BindingFlags.Instance)
            .Where(f => made
                ? f.FieldType == typeof(uint) && f.Name.EndsWith("Fd", StringComparison.Ordinal)
                : f.FieldType == typeof(int))
            .Select(f => (f.Name, (int)Marshal.OffsetOf(structure, f.Name)));

    private static IEnumerable<(string Field, ulong Address, ulong Length)> MemoryOf(Type structure, byte[] bytes)
    {
        if (bytes.Length < Marshal.SizeOf(structure)) return [];
        if (structure == typeof(IommuIoasIovaRanges))
        {
            var ranges = MemoryMarshal.Read<IommuIoasIovaRanges>(bytes);
            return [("allowed_iovas", ranges.AllowedIovas, 16ul * ranges.NumIovas)];
        }

        if (structure == typeof(IommuIoasAllowIovas))
        {
            var ranges = MemoryMarshal.Read<IommuIoasAllowIovas>(bytes);
            return [("allowed_iovas", ranges.AllowedIovas, 16ul * ranges.NumIovas)];
        }

        if (structure == typeof(IommuHwptGetDirtyBitmap))
        {
            var dirty = MemoryMarshal.Read<IommuHwptGetDirtyBitmap>(bytes);
            ulong bits = dirty.PageSize == 0 ? 0 : dirty.Length / dirty.PageSize;
            return [("data", dirty.Data, (bits + 63) / 64 * 8)];
        }

        if (structure == typeof(VfioDeviceBindIommufd))
        {
            const ulong TokenBytes = 16;
            return [("token_uuid_ptr", MemoryMarshal.Read<VfioDeviceBindIommufd>(bytes).TokenUuidPtr, TokenBytes)];
        }

        return DataOf(structure, bytes);
    }

    /// <summary>The memory of structures that have its address and length in fields of the usual names.</summary>
    private static (string, ulong, ulong)[] DataOf(Type structure, byte[] bytes)
    {
        if (ValueOf(structure, bytes, "DataUptr") is not { } address) return [];
        ulong length = ValueOf(structure, bytes, "DataLen")
            ?? (ValueOf(structure, bytes, "EntryLen") * ValueOf(structure, bytes, "EntryNum")) ?? 0;
        return [("data_uptr", address, length)];
    }

    private static ulong? ValueOf(Type structure, byte[] bytes, string field)
    {
        if (structure.GetField(field) is not { } found) return null;
        ReadOnlySpan<byte> at = bytes.AsSpan((int)Marshal.OffsetOf(structure, field));
        return found.FieldType == typeof(ulong) ? MemoryMarshal.Read<ulong>(at) : MemoryMarshal.Read<uint>(at);
    }

    private static void Look(CallData data, ICaller caller, int descriptor)
    {
        if (descriptor < 0 || data.Files.ContainsKey(descriptor)) return;
        Errno errno = caller.GetFile(descriptor, out IOpenFile? file);
        CallFile found = errno != Errno.None
            ? default
            : file switch
            {
                QueueFile => new CallFile(CallFileKind.Queue, file),
                NodeFile => new CallFile(CallFileKind.Node, file),
                IEventFile => new CallFile(CallFileKind.Event),
                IMemoryFile => new CallFile(CallFileKind.Memory),
                _ => new CallFile(CallFileKind.Other),
            };
        (file as IDisposable)?.Dispose();
        data.Files.Add(descriptor, found);
    }

    private static string? TextAt(ICaller caller, ulong argument)
    {
        Span<byte> text = stackalloc byte[MostText];
        int count = 0;
        while (count < MostText && caller.Memory.TryRead(new Hva(argument + (ulong)count), text.Slice(count, 1))
            && text[count] != 0) count++;
        bool ends = count == MostText || caller.Memory.TryRead(new Hva(argument + (ulong)count), text.Slice(count, 1));
        return count == 0 || !ends ? null : Encoding.Latin1.GetString(text[..count]);
    }
}
