using Ioasis.Client;
using Ioasis.Memory;

namespace Ioasis.Scenes;

/// <summary>
/// A process of a guest: page tables of its own, and pages scattered in the guest's memory that its pointers reach.
/// </summary>
/// <param name="guest">Its guest.</param>
/// <param name="name">Its name.</param>
/// <param name="pasid">The PASID that its descriptors carry.</param>
internal sealed class DemoProcess(DemoGuest guest, string name, Pasid pasid)
{
    internal string Name => name;

    internal Pasid Pasid => pasid;

    /// <summary>Guest-physical address of its root table.</summary>
    internal ulong Cr3 { get; } = guest.NewPage();

    /// <summary>The nested HWPT that the host made from its tables.</summary>
    internal NestedHwpt? Bound { get; private set; }

    /// <summary>Binds the tables to the PASID of a device.</summary>
    internal NestedHwpt Bind(VfioDevice device, FaultQueue faults)
    {
        Bound = guest.Nest(Cr3, faults);
        device.Attach(Bound, pasid);
        return Bound;
    }

    /// <summary>Maps empty pages at addresses of the process.</summary>
    internal void Map(ulong gva, int pages = 1)
    {
        for (int page = 0; page < pages; page++)
            guest.SetLeaf(Cr3, gva + ((ulong)page * DemoGuest.Page), guest.NewPage());
    }

    /// <summary>Unmaps a page. Invalidates nothing.</summary>
    /// <returns>Guest-physical address that the page had.</returns>
    internal ulong Unmap(ulong gva)
    {
        ulong page = Follow(gva);
        guest.ClearLeaf(Cr3, gva);
        return page;
    }

    /// <summary>The leaf for an address.</summary>
    internal ulong Leaf(ulong gva) => guest.Leaf(Cr3, gva);

    /// <summary>Guest-physical address of a pointer.</summary>
    internal ulong Follow(ulong gva) => guest.Follow(Cr3, gva);

    /// <summary>Reads a value at a pointer, within a page.</summary>
    internal T Read<T>(ulong gva) where T : unmanaged => guest.Memory.Read<T>(Follow(gva));

    /// <summary>Writes a value at a pointer, within a page.</summary>
    internal void Write<T>(ulong gva, T value) where T : unmanaged => guest.Memory.Write(Follow(gva), value);

    /// <summary>Writes whole pages.</summary>
    internal void Fill(ulong gva, ReadOnlySpan<byte> bytes)
    {
        for (int done = 0; done < bytes.Length; done += (int)DemoGuest.Page)
            guest.Memory.CopyFrom(Follow(gva + (uint)done), bytes.Slice(done, (int)DemoGuest.Page));
    }

    /// <summary>Whether whole pages contain these bytes.</summary>
    internal bool Holds(ulong gva, ReadOnlySpan<byte> bytes)
    {
        for (int done = 0; done < bytes.Length; done += (int)DemoGuest.Page)
            if (!DemoBytes.Hold(guest.Memory, bytes.Slice(done, (int)DemoGuest.Page), Follow(gva + (uint)done)))
                return false;
        return true;
    }
}
