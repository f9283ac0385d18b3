using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;
using Ioasis.PageTables;

namespace Ioasis.Core.Domains;

/// <summary>
/// The guest's memory behind a second stage, for a walk within an access of a port. Words of memory that stands in our process are changed in
/// one step; those of another process's private memory can only be read and then written.
/// </summary>
internal readonly struct SecondStage(TranslationRoute parent) : ITableMemory
{
    /// <inheritdoc/>
    public TableAccess Read(Gpa address, out ulong entry)
    {
        entry = 0;
        ref Mapping mapping = ref Find(address, out ulong offset);
        if (Unsafe.IsNullRef(ref mapping)) return TableAccess.NotPresent;
        if ((mapping.Access & MapAccess.Read) == 0) return TableAccess.NoRead;
        if (mapping.Direct != 0)
        {
            entry = HostMemory.ReadWord(mapping.Direct + (nint)offset);
            return TableAccess.Ok;
        }

        return mapping.Backing!.TryRead(mapping.BackingOffset + offset, MemoryMarshal.AsBytes(new Span<ulong>(ref entry)))
            ? TableAccess.Ok
            : TableAccess.Gone;
    }

    /// <inheritdoc/>
    public TableAccess CompareExchange(Gpa address, ulong expected, ulong desired, out ulong found)
    {
        found = 0;
        ref Mapping mapping = ref Find(address, out ulong offset);
        if (Unsafe.IsNullRef(ref mapping)) return TableAccess.NotPresent;
        if ((mapping.Access & MapAccess.Write) == 0) return TableAccess.NoWrite;
        if (mapping.Direct != 0)
        {
            found = HostMemory.CompareExchangeWord(mapping.Direct + (nint)offset, expected, desired);
        }
        else
        {
            if (!mapping.Backing!.TryRead(mapping.BackingOffset + offset, MemoryMarshal.AsBytes(new Span<ulong>(ref found)))) return TableAccess.Gone;
            if (found == expected && !mapping.Backing.TryWrite(mapping.BackingOffset + offset, MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in desired))))
                return TableAccess.Gone;
        }

        if (found == expected) parent.Dirty?.Mark(address.Value, address.Value + sizeof(ulong) - 1);
        return TableAccess.Ok;
    }

    private ref Mapping Find(Gpa address, out ulong offset)
    {
        offset = 0;
        if (address.Value > parent.LastAddress) return ref Unsafe.NullRef<Mapping>();
        ref Mapping mapping = ref parent.Table.Use(address.Value);
        if (!Unsafe.IsNullRef(ref mapping)) offset = address.Value - mapping.First;
        return ref mapping;
    }
}
