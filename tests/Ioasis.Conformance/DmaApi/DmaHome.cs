using Ioasis.Client;
using Ioasis.Client.Drivers;
using Ioasis.Conformance.Targets;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Endpoints;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Conformance.DmaApi;

/// <summary>
/// A place where a driver can be, with a device that accesses memory on demand. The rules of the DMA API are the same
/// in each.
/// </summary>
internal abstract class DmaHome : IDisposable
{
    internal const string Host = "host", HostLazy = "host, lazy", HostIdentity = "host, identity",
        HostBounce = "host, bounced", Program = "program", ProgramBounce = "program, bounced", Mdev = "mdev",
        Vdpa = "vDPA";

    private static readonly RequesterId s_dmatest = new(0x1000, 0, 4, 0);
    private static readonly Lazy<SoftwareMachine> s_strict = Machine(DomainType.Dma),
        s_lazy = Machine(DomainType.DmaFlushQueue), s_identity = Machine(DomainType.Identity);

    /// <summary>The homes of this target. A driver in the host shares its process with the machine.</summary>
    internal static IEnumerable<string> All => Target.IsProcess
        ? [Host, HostLazy, HostIdentity, HostBounce, .. InPrograms] : InPrograms;

    private static string[] InPrograms => [Program, ProgramBounce, Mdev, Vdpa];

    internal abstract DmaDevice Dma { get; }

    /// <summary>Whether the DMA API chooses addresses; if not, they are the memory's own.</summary>
    internal bool Translates => Dma.Space.Iovas is not null;

    /// <summary>Whether all buffers are copied while they are mapped.</summary>
    internal bool Bounces { get; private init; }

    /// <summary>Whether arrays are.</summary>
    internal bool BouncesArrays => Bounces || !Dma.Space.MapsAnyMemory;

    /// <summary>Whether the device reaches an array by the byte, and not by the page.</summary>
    internal bool IsBoundByBytes { get; private init; }

    internal bool IsLazy { get; private init; }

    /// <summary>Takes a device.</summary>
    /// <param name="home">One of <see cref="All"/>.</param>
    /// <param name="nodes">The process.</param>
    /// <param name="options">How the device's DMA is done; the bounced homes add to it.</param>
    internal static DmaHome Open(string home, NodeTransport nodes, DmaDeviceOptions? options = null)
    {
        bool bounces = home is HostBounce or ProgramBounce;
        options = (options ?? new DmaDeviceOptions()) with { BouncesAlways = bounces };
        if (home == Vdpa) return new VdpaHome(nodes, options);
        DriverFunction function = home switch
        {
            Host or HostBounce => InHost(s_strict),
            HostLazy => InHost(s_lazy),
            HostIdentity => InHost(s_identity),
            Program or ProgramBounce =>
                VfioFunction.Open(nodes, Target.Find(nodes, 0x11e9, "dmatest").Requester, options),
            Mdev => VfioFunction.Open(nodes, Target.FindMdev(nodes).Path, options),
            _ => throw new ArgumentOutOfRangeException(nameof(home), home, "There is no such home."),
        };
        return new FunctionHome(function)
        {
            Bounces = bounces,
            IsLazy = home == HostLazy,
            IsBoundByBytes = home is Host or HostLazy or HostBounce,
        };

        HostDriverFunction InHost(Lazy<SoftwareMachine> machine) =>
            HostDriverFunction.Open(machine.Value, s_dmatest, "dma-rules", options);
    }

    /// <summary>The device reads memory; null if it may not.</summary>
    /// <param name="at">The first byte's address.</param>
    /// <param name="length">At most a page.</param>
    internal abstract byte[]? Read(Iova at, int length);

    /// <summary>The device writes memory; false if it may not.</summary>
    internal abstract bool Write(Iova at, params byte[] bytes);

    /// <summary>Gives the device back.</summary>
    /// <exception cref="InvalidOperationException">Something is left of what the driver mapped.</exception>
    public abstract void Dispose();

    private static Lazy<SoftwareMachine> Machine(DomainType type) =>
        new(() => SoftwareMachine.Create(MachineDescription.Default with { DefaultDomain = type }));
}

/// <summary>A dmatest, or a channel of one that is an mdev.</summary>
internal sealed class FunctionHome : DmaHome
{
    private const uint Start = 1, ToDevice = 2; // commands
    private const uint Done = 1, Fault = 2; // status
    private readonly DriverFunction _function;
    private readonly DriverBar _registers, _buffer;

    internal FunctionHome(DriverFunction function)
    {
        _function = function;
        function.EnableBusMaster(true);
        _registers = function.OpenBar(0);
        _buffer = function.OpenBar(2);
    }

    internal override DmaDevice Dma => _function.Dma;

    internal override byte[]? Read(Iova at, int length)
    {
        if (!Run(at, length, ToDevice)) return null;
        var bytes = new byte[length];
        for (int i = 0; i < length; i++) bytes[i] = _buffer.Read<byte>((ulong)i);
        return bytes;
    }

    internal override bool Write(Iova at, params byte[] bytes)
    {
        for (int i = 0; i < bytes.Length; i++) _buffer.Write((ulong)i, bytes[i]);
        return Run(at, bytes.Length, 0);
    }

    public override void Dispose()
    {
        _registers.Dispose();
        _buffer.Dispose();
        _function.Dispose();
    }

    private bool Run(Iova at, int length, uint direction)
    {
        _registers.Write(0x00, at.Value);
        _registers.Write(0x10, (uint)length);
        _registers.Write(0x08, Start | direction);
        UapiTest.Until(() => (_registers.Read<uint>(0x08) & Start) == 0, "dmatest ends its DMA");
        uint status = _registers.Read<uint>(0x14);
        Assert.Contains(status, (uint[])[Done, Fault]);
        return status == Done;
    }
}
