using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Devices.Dsa;

namespace Ioasis.Tests.Devices.Dsa;

/// <summary>Answers the page requests of a bench's device as a test wants it.</summary>
internal sealed class Pager : IPageRequestHandler
{
    private readonly Action<PageRequestGroup> _answer;

    internal Pager(DsaBench bench, Action<PageRequestGroup> answer)
    {
        _answer = answer;
        bench.Slots.Endpoint.Attach(null, null);
        bench.Slots.Domain.PageRequests = this;
        bench.Slots.Endpoint.Attach(null, bench.Slots.Domain);
    }

    internal List<PageRequest> Requests { get; } = [];

    public void Handle(PageRequestGroup group)
    {
        Requests.AddRange(group.Requests);
        _answer(group);
    }

    public void Detached(Attachment attachment)
    {
    }
}

/// <summary>
/// Keeps one engine of a bench busy: with a descriptor that waits for a page until it is released, or aborted.
/// </summary>
internal sealed class Hold : IDisposable
{
    private const ulong Where = 0xa00000;
    private readonly DsaBench _bench;
    private readonly ManualResetEventSlim _reached = new();
    private PageRequestGroup? _group;

    internal Hold(DsaBench bench)
    {
        _bench = bench;
        _ = new Pager(bench, group =>
        {
            _group = group;
            _reached.Set();
        });
        bench.Submit(new DsaDescriptor
        {
            FlagsAndOpcode = ((uint)DsaOpcode.Memfill << 24) | (uint)DsaFlags.BlockOnFault,
            DstAddr = Where,
            XferSize = 8,
        });
        Assert.True(_reached.Wait(TimeSpan.FromSeconds(20)), "The engine asked for no page.");
    }

    internal void Release()
    {
        _bench.Slots.Map(Where, 0x1000, 0);
        Answer(PageResponse.Success);
    }

    public void Dispose()
    {
        Answer(PageResponse.Invalid);
        _reached.Dispose();
    }

    internal void Answer(PageResponse response) => _group!.Respond(response);
}
