using Ioasis.Client;
using Ioasis.Conformance.Dma;
using Ioasis.Conformance.Targets;
using Ioasis.Memory;

namespace Ioasis.Conformance.Sva;

/// <summary>What tests of /dev/sva share: an open one, and a device that can send its PASIDs.</summary>
public abstract class SvaTest : UapiTest
{
    /// <summary>Opens both.</summary>
    /// <param name="onMdev">Whether the device is an mdev, and not a whole function.</param>
    private protected SvaTest(bool onMdev = false)
    {
        Target.Needs("sva");
        Context = OpenContext();
        Device = OpenBound(onMdev ? MdevNode : DmatestNode, Context);
        Engine = new DmatestEngine(Device);
        Sva = OpenSva();
    }

    private protected IommuContext Context { get; }

    private protected VfioDevice Device { get; }

    private protected DmatestEngine Engine { get; }

    private protected SvaContext Sva { get; }

    private protected SvaContext OpenSva() => Own(SvaContext.Open(Nodes));

    /// <summary>The device writes what its buffer holds, sending a PASID.</summary>
    private protected (uint Status, uint Reason) Store(Pasid pasid, ulong at, byte value)
    {
        Engine.Pasid = pasid.Value;
        Engine.Buffer = [.. Enumerable.Repeat(value, 64), .. new byte[4032]];
        Engine.Run(new Iova(at), 64, 0);
        return (Engine.Status, Engine.Reason);
    }

    private protected void Reaches(Pasid pasid, ulong at, UserMemory memory, ulong offset, byte value)
    {
        Assert.Equal((DmatestEngine.Done, 0u), Store(pasid, at, value));
        Assert.Equal(Enumerable.Repeat(value, 64), memory.ToArray(offset, 64));
    }

    private protected void Refused(Pasid pasid, ulong at, uint reason) =>
        Assert.Equal((DmatestEngine.Fault, reason), Store(pasid, at, 0xee));
}
