-- The sums themselves go with the revision before.
select 1;
