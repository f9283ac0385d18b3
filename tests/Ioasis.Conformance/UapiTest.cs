using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Targets;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Conformance;

/// <summary>What the tests share: a process on the target, and giving everything back at the end.</summary>
public abstract class UapiTest : IDisposable
{
    internal const ulong Page = 4096;
    internal const MapAccess Read = MapAccess.Read;
    internal const MapAccess ReadWrite = MapAccess.ReadWrite;

    /// <summary>An address that no process has anything at.</summary>
    internal const ulong Nowhere = 16;

    /// <summary>An ID that no context has.</summary>
    internal const uint NoId = 0x7fff0000;

    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Stack<IDisposable> _owned = new();

    protected UapiTest() => Nodes = Own(Target.NewProcess(Capability.SysResource));

    /// <summary>The process that the test is.</summary>
    protected NodeTransport Nodes { get; }

    protected VfioNode EduNode => Target.Find(Nodes, 0x11e8, "edu");

    protected VfioNode DmatestNode => Target.Find(Nodes, 0x11e9, "dmatest");

    /// <summary>A channel of a dmatest that is an mdev: it has the registers of a dmatest's first.</summary>
    protected VfioNode MdevNode => Target.FindMdev(Nodes);

    public void Dispose()
    {
        while (_owned.TryPop(out IDisposable? owned)) owned.Dispose();
        GC.SuppressFinalize(this);
        Target.CheckRefusals();
    }

    protected T Own<T>(T owned) where T : IDisposable
    {
        _owned.Push(owned);
        return owned;
    }

    protected IommuContext OpenContext() => Own(IommuContext.Open(Nodes));

    protected VfioDevice Open(VfioNode node)
    {
        ArgumentNullException.ThrowIfNull(node);
        return Own(VfioDevice.Open(Nodes, node.Path));
    }

    protected VfioDevice OpenBound(VfioNode node, IommuContext context)
    {
        VfioDevice device = Open(node);
        device.Bind(context);
        return device;
    }

    protected UserMemory Pages(int count) => Own(Nodes.Allocate((ulong)count * Page));

    internal static uint Size<T>() where T : unmanaged => NodeClient.SizeOf<T>();

    /// <summary>A call that must succeed.</summary>
    internal static void Succeeds(SysResult result) => Assert.Equal(SysResult.Ok(), result);

    /// <summary>A call that must fail, with this errno and no other.</summary>
    internal static void Fails(Errno errno, SysResult result) => Assert.Equal((SysResult)errno, result);

    /// <summary>A typed call that must fail, with this errno and no other.</summary>
    internal static IommuException Fails(Errno errno, Action call)
    {
        IommuException refusal = Assert.Throws<IommuException>(call);
        Assert.Equal(errno, refusal.Errno);
        return refusal;
    }

    /// <summary>Bytes that no other seed has at the same places.</summary>
    internal static byte[] Pattern(int length, int seed)
    {
        var bytes = new byte[length];
        for (int i = 0; i < length; i++) bytes[i] = (byte)(((i * 31) + ((i >> 8) * 7) + (seed * 97) + 13) % 251);
        return bytes;
    }

    /// <summary>Waits until what must happen has happened.</summary>
    internal static void Until(Func<bool> condition, string what)
    {
        long end = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (!condition())
        {
            Assert.True(Environment.TickCount64 < end, $"{what}: not within {Patience.TotalSeconds} s");
            Thread.Yield();
        }
    }

    internal static Iova At(ulong iova) => new(iova);
}

/// <summary>Capabilities of a process (capabilities(7)).</summary>
internal static class Capability
{
    internal const int SysResource = 24;
}
