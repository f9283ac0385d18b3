using Ioasis.Conformance.Targets;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Conformance.DmaApi;

/// <summary>
/// The rules and errors of the DMA API, each in every home that the target has: what a driver relies on when its source
/// is to be the same in all of them.
/// </summary>
public abstract class DmaRuleTest : UapiTest
{
    public static TheoryData<string> Homes => [.. DmaHome.All];

    /// <summary>Those in which the DMA API chooses addresses.</summary>
    public static TheoryData<string> Translating => [.. DmaHome.All.Where(home => home != DmaHome.HostIdentity)];

    /// <summary>Those in which addresses can be allocated without memory.</summary>
    public static TheoryData<string> Linking => [.. DmaHome.All.Except(
        [DmaHome.HostIdentity, DmaHome.HostBounce, DmaHome.ProgramBounce])];

    /// <summary>Those in which the device reaches no whole pages of arrays. Through the nodes programs map pages.
    /// </summary>
    public static TheoryData<string> ByBytes =>
        [.. DmaHome.All.Where(home => Target.IsProcess || home == DmaHome.ProgramBounce)];

    /// <summary>Takes a device, with masks that reach all memory.</summary>
    internal DmaHome Open(string name, DmaDeviceOptions? options = null)
    {
        DmaHome home = OpenAsIs(name, options);
        Assert.Equal(IommuStatus.Ok, home.Dma.SetMaskAndCoherent(64));
        return home;
    }

    /// <summary>Takes a device, with the masks that it has by itself.</summary>
    internal DmaHome OpenAsIs(string name, DmaDeviceOptions? options = null) => DmaHome.Open(name, Nodes, options);

    internal static DmaMemory Allocate(DmaHome home, ulong length) => home.Dma.Space.AllocateMemory(length);

    internal static DmaMapping Map(DmaHome home, DmaMemory memory, ulong offset, ulong length, DmaDirection direction)
    {
        Assert.Equal(IommuStatus.Ok, home.Dma.Map(memory, offset, length, direction, out DmaMapping mapping));
        return mapping;
    }

    internal static DmaMapping Map(DmaHome home, Memory<byte> memory, DmaDirection direction)
    {
        Assert.Equal(IommuStatus.Ok, home.Dma.Map(memory, direction, out DmaMapping mapping));
        return mapping;
    }

    internal static byte[] Bytes(DmaMemory memory, ulong offset, int length)
    {
        var bytes = new byte[length];
        memory.Bytes.CopyTo(offset, bytes);
        return bytes;
    }

    /// <summary>Nothing of a mapping is left that the device could use.</summary>
    internal static void IsGone(DmaHome home, Iova at)
    {
        home.Dma.Space.Flush();
        if (!home.Translates) return; // there the device is bound by nothing
        Assert.Null(home.Read(at, 1));
        Assert.False(home.Write(at, 1));
    }
}
