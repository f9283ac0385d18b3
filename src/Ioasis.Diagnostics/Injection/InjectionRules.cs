using Ioasis.Abi;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Injection;

namespace Ioasis.Diagnostics.Injection;

/// <summary>Makes go wrong what rules say. Each rule counts by itself what it matches, over all programs.</summary>
internal sealed class InjectionRules : Injector
{
    private readonly InjectionRule[] _rules;
    private Func<Endpoint, string> _nameOf = endpoint => endpoint.Id.ToString();

    private InjectionRules(InjectionRule[] rules)
    {
        _rules = rules;
        Faults = rules.Aggregate(InjectedFaults.None, (faults, rule) => faults | rule.Fault);
    }

    /// <inheritdoc/>
    public override InjectedFaults Faults { get; }

    /// <summary>Reads rules: <c>inject=IOMMU_IOAS_MAP:error=ENOMEM:when=3+2</c>, <c>inject=dma:fault</c>.</summary>
    /// <param name="texts">The rules, each with <c>inject=</c> before it.</param>
    /// <param name="rules">What they mean; null if something is wrong, or there are none.</param>
    /// <param name="seed">The seed of rules with a probability that have none of their own.</param>
    /// <returns>What is wrong with one, in a sentence; null if nothing is.</returns>
    public static string? TryRead(IEnumerable<string> texts, out InjectionRules? rules, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(texts);
        rules = null;
        List<InjectionRule> read = [];
        foreach (string text in texts)
        {
            if (!IsRule(text)) return $"\"{text}\" is no rule such as inject=dma:fault";
            if (InjectionRule.TryRead(text[Prefix.Length..], seed, out InjectionRule rule) is { } wrong) return wrong;
            read.Add(rule);
        }

        if (read.Count != 0) rules = new InjectionRules([.. read]);
        return null;
    }

    /// <summary>Whether a text begins as a rule does.</summary>
    public static bool IsRule(string text) =>
        text?.StartsWith(Prefix, StringComparison.Ordinal) ?? throw new ArgumentNullException(nameof(text));

    /// <summary>Says which devices there are, before anything happens.</summary>
    /// <param name="names">What the machine calls them.</param>
    /// <param name="nameOf">The name of one.</param>
    /// <returns>What is wrong with a rule, in a sentence; null if nothing is.</returns>
    public string? UseNames(IReadOnlyCollection<string> names, Func<Endpoint, string> nameOf)
    {
        ArgumentNullException.ThrowIfNull(names);
        _nameOf = nameOf;
        string? unknown = _rules.Select(r => r.Device).FirstOrDefault(d => d is not null && !names.Contains(d));
        return unknown is null
            ? null
            : $"inject: there is no device \"{unknown}\"; expected one of: {string.Join(", ", names)}";
    }

    /// <inheritdoc/>
    public override int FailCall(string path, string call)
    {
        Errno errno = Errno.None;
        foreach (InjectionRule rule in _rules)
        {
            // Each rule counts, also where another has decided.
            if (rule.Calls.Any(word => InjectionWords.Has(word, path, call)) && rule.Strikes() && errno == Errno.None)
                errno = rule.Errno;
        }

        return (int)errno;
    }

    /// <inheritdoc/>
    protected override InjectedFaults Choose(InjectedFaults possible, Endpoint? device, ref TimeSpan delay)
    {
        InjectedFaults chosen = InjectedFaults.None;
        foreach (InjectionRule rule in _rules)
        {
            if ((rule.Fault & possible) == 0) continue;
            if (rule.Device is { } name && (device is null || _nameOf(device) != name)) continue;
            if (!rule.Strikes()) continue;
            chosen |= rule.Fault;
            if (rule.Fault is InjectedFaults.DmaDelay or InjectedFaults.InvalidationSlow && delay < rule.Delay)
                delay = rule.Delay;
        }

        return chosen;
    }

    private const string Prefix = "inject=";
}
